/*
 * The load generator: N Socket.IO pages over raw websockets in one process. Each connects, joins the room `time`, and
 * counts what it hears. Commands come on standard input, one per line; answers go to standard output as JSON.
 *
 *   generator HOST PORT COUNT SOURCE_NET    (SOURCE_NET n: connect from 127.0.n.1 up, 20,000 ports each)
 *   count        -> {"messages":M,"bytes":B}    since the start
 *   quit
 * At the start it prints {"joined":N,"ms":T} once all pages are in the room.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CLIENTS = 20000, CONNECTS_AHEAD = 128 };
enum step { CONNECTING, HANDSHAKE, OPEN, CONNECT, JOIN, JOINED };

struct page {
  int fd;
  enum step step;
  uint64_t left;           /* bytes of the current frame that are still to come */
  unsigned char head[10];  /* an incomplete frame header */
  int head_length;
};

static struct page pages[MAX_CLIENTS];
static int count, started, joined, poll_fd;
static unsigned long long messages, bytes;
static struct sockaddr_in target;
static int source_net;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* RFC 6455: a client masks; a mask of zeros leaves the text as it is. */
static void send_text(int fd, const char *text) {
  unsigned char out[256];
  size_t length = strlen(text);
  out[0] = 0x81;
  out[1] = 0x80 | length;
  memset(out + 2, 0, 4);
  memcpy(out + 6, text, length);
  if (send(fd, out, length + 6, MSG_NOSIGNAL) < 0) fail("send");
}

static void start_page(void) {
  struct page *page = &pages[started];
  int yes = 1;
  page->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (page->fd < 0) fail("socket");
  setsockopt(page->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  struct sockaddr_in source = {.sin_family = AF_INET};
  source.sin_addr.s_addr = htonl(0x7f000001u + (source_net << 8) + (started / 10000));
  setsockopt(page->fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  if (bind(page->fd, (struct sockaddr *)&source, sizeof source)) fail("bind");
  if (connect(page->fd, (struct sockaddr *)&target, sizeof target) && errno != EINPROGRESS) fail("connect");
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = started};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, page->fd, &event);
  started++;
}

static void handshake(struct page *page) {
  const char *request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  if (send(page->fd, request, strlen(request), MSG_NOSIGNAL) < 0) fail("send");
  page->step = HANDSHAKE;
}

/* A frame begins, of this length. Its length tells enough: the gateway's answers come one by one and in order. */
static void on_frame(struct page *page, uint64_t length) {
  switch (page->step) {
    case OPEN:
      send_text(page->fd, "40");
      page->step = CONNECT;
      break;
    case CONNECT:
      send_text(page->fd, "420[\"join\",{\"room\":\"time\"}]");
      page->step = JOIN;
      break;
    case JOIN:
      page->step = JOINED;
      joined++;
      break;
    default:
      if (length == 1) {
        send_text(page->fd, "3");
        break;
      }
      messages++;
  }
}

/* Takes what arrived apart into frames; a frame's text beyond its first bytes is skipped, not kept. */
static void take(struct page *page, const unsigned char *data, size_t size) {
  bytes += size;
  while (size > 0) {
    if (page->left > 0) {
      size_t part = size < page->left ? size : page->left;
      page->left -= part;
      data += part;
      size -= part;
      continue;
    }
    page->head[page->head_length++] = *data++;
    size--;
    int need = page->head_length < 2 ? 2 : page->head[1] == 126 ? 4 : page->head[1] == 127 ? 10 : 2;
    if (page->head_length < need) continue;
    uint64_t length = page->head[1];
    if (need > 2) {
      length = 0;
      for (int i = 2; i < need; i++) length = length << 8 | page->head[i];
    }
    page->head_length = 0;
    page->left = length;
    on_frame(page, length);
  }
}

static void read_page(struct page *page) {
  static unsigned char in[1 << 18];
  for (;;) {
    ssize_t got = recv(page->fd, in, sizeof in, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) {
      fprintf(stderr, "generator: page %ld of %d was closed by the server\n", (long)(page - pages), count);
      exit(1);
    }
    unsigned char *data = in;
    if (page->step == HANDSHAKE) {
      unsigned char *end = memmem(in, got, "\r\n\r\n", 4);
      if (!end || memcmp(in, "HTTP/1.1 101", 12)) {
        fprintf(stderr, "generator: expected 101, got %.*s\n", (int)got, in);
        exit(1);
      }
      page->step = OPEN;
      got -= end + 4 - in;
      data = end + 4;
    }
    take(page, data, got);
  }
}

static void command(void) {
  char line[64];
  if (!fgets(line, sizeof line, stdin) || !strncmp(line, "quit", 4)) exit(0);
  printf("{\"messages\":%llu,\"bytes\":%llu}\n", messages, bytes);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 5) return fprintf(stderr, "usage: generator HOST PORT COUNT SOURCE_NET\n"), 2;
  target.sin_family = AF_INET;
  inet_pton(AF_INET, argv[1], &target.sin_addr);
  target.sin_port = htons(atoi(argv[2]));
  count = atoi(argv[3]) < MAX_CLIENTS ? atoi(argv[3]) : MAX_CLIENTS;
  source_net = atoi(argv[4]);
  setvbuf(stdin, NULL, _IONBF, 0);
  poll_fd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX}, events[512];
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, 0, &event);
  uint64_t began = now_ns();
  int announced = 0;
  for (;;) {
    while (started < count && started - joined < CONNECTS_AHEAD) start_page();
    int ready = epoll_wait(poll_fd, events, 512, -1);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.u32 == UINT32_MAX) {
        command();
        continue;
      }
      struct page *page = &pages[events[i].data.u32];
      if (page->step == CONNECTING && events[i].events & EPOLLOUT) handshake(page);
      if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) read_page(page);
    }
    if (!announced && joined == count) {
      announced = 1;
      printf("{\"joined\":%d,\"ms\":%.1f}\n", joined, (now_ns() - began) / 1e6);
      fflush(stdout);
    }
  }
}
