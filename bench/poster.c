/* POST requests over keep-alive connections: see poster.h. */
#include "poster.h"
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 64, MAX_ANSWER = 4096, MAX_TIMED = 1 << 20 };

struct poster {
  int fd;
  size_t got;
  uint64_t sent_ns;
  char answer[MAX_ANSWER];
};

static struct poster posters[MAX_CONNECTIONS];
static int connections, rooms;
static long left_to_send, left_to_hear, total;
static uint32_t took_us[MAX_TIMED];
static long timed;
static char path[MAX_REQUEST], token[MAX_REQUEST], body[MAX_REQUEST];

int is_posting(void) { return left_to_hear > 0; }

void append_numbered(char *request, const char *text, long number) {
  size_t length = strlen(request);
  while (*text && length < MAX_REQUEST - 24) {
    if (strncmp(text, "{n}", 3)) {
      request[length++] = *text++;
      continue;
    }
    length += sprintf(request + length, "%ld", number);
    text += 3;
  }
  request[length] = 0;
}

static void stop(const char *what, const char *seen) {
  fprintf(stderr, "poster: expected %s, got %s\n", what, seen);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return left < right ? -1 : left > right;
}

/* What a usual client of a backend sends. */
static void send_request(struct poster *poster) {
  long number = left_to_send % rooms;
  char content[MAX_REQUEST] = "", target[MAX_REQUEST] = "", request[3 * MAX_REQUEST];
  append_numbered(content, body, number);
  append_numbered(target, path, number);
  int length = snprintf(request, sizeof request,
                        "POST %s HTTP/1.1\r\nHost: 127.0.0.1:8899\r\nUser-Agent: poster/1.0\r\n"
                        "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
                        "Authorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        target, token, strlen(content), content);
  left_to_send--;
  poster->got = 0;
  poster->sent_ns = now_ns();
  if (send(poster->fd, request, length, MSG_NOSIGNAL) != length) stop("to send a request", "an error");
}

void start_posts(const struct sockaddr_in *target, int poll_fd, char *command) {
  int wanted, yes = 1;
  if (sscanf(command, "%d %ld %d %2047s %2047s %2047[^\n]", &wanted, &total, &rooms, path, token, body) != 6)
    stop("CONNECTIONS COUNT ROOMS PATH TOKEN BODY", command);
  if (wanted > MAX_CONNECTIONS) wanted = MAX_CONNECTIONS;
  for (; connections < wanted; connections++) {
    struct poster *poster = &posters[connections];
    poster->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(poster->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(poster->fd, (const struct sockaddr *)target, sizeof *target)) stop("to connect", "an error");
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = MAX_CLIENTS + connections};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, poster->fd, &event);
  }
  left_to_send = left_to_hear = total;
  timed = 0;
  for (int i = 0; i < wanted && left_to_send > 0; i++) send_request(&posters[i]);
}

/* Is all of it there? All servers here say how long their answers are. */
static int is_whole(const struct poster *poster) {
  const char *end = strstr(poster->answer, "\r\n\r\n"), *length = strcasestr(poster->answer, "\r\ncontent-length:");
  if (!end) return 0;
  if (strncmp(poster->answer, "HTTP/1.1 200", 12) || !length) stop("200 with a Content-Length", poster->answer);
  return poster->got >= (size_t)(end + 4 - poster->answer) + strtoul(length + 17, NULL, 10);
}

void read_answer(int connection) {
  struct poster *poster = &posters[connection];
  ssize_t got = recv(poster->fd, poster->answer + poster->got, MAX_ANSWER - 1 - poster->got, 0);
  if (got <= 0) stop("an answer", "a closed connection");
  poster->got += got;
  poster->answer[poster->got] = 0;
  if (!is_whole(poster)) return;
  left_to_hear--;
  if (timed < MAX_TIMED) took_us[timed++] = (now_ns() - poster->sent_ns) / 1000;
  if (left_to_send > 0) send_request(poster);
  if (left_to_hear > 0) return;
  /* Idle connections are closed by servers, each after its own time: the next run has new ones. */
  while (connections > 0) close(posters[--connections].fd);
  qsort(took_us, timed, sizeof *took_us, by_size);
  printf("{\"posted\":%ld,\"p50Us\":%u,\"p99Us\":%u}\n", total, took_us[timed / 2], took_us[timed * 99 / 100]);
  fflush(stdout);
}
