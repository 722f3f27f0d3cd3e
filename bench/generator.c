/*
 * The load generator: N pages over raw websockets in one process. Each connects and counts what it hears; pages of the
 * style `socketio` join a room first, `plain` ones are there with the handshake, `stream` ones read server-sent events.
 * Commands come on standard input, one per line; answers go to standard output as JSON.
 *
 *   generator HOST PORT COUNT SOURCE_NET STYLE PATH ROOM [HEADER]
 *   SOURCE_NET n: connect from 127.0.n.1 up, 10,000 pages each. In PATH, ROOM and HEADER, {n} is the number of the page.
 *   count        -> {"messages":M,"bytes":B,"busyUs":T}    since the start; T: taking in what arrived
 *   post ...     -> see poster.h
 *   quit
 * At the start it prints {"joined":N,"ms":T} once all pages have joined.
 *
 * While messages come it does not sleep: a sleeping reader is woken inside the server's own send(), the more often the
 * slower the server is. No server pays that for a reader at the other end of a network.
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
#include "poster.h"

enum { CONNECTS_AHEAD = 128 };
/* Awake for so long after a message. */
enum { AWAKE_NS = 20000000 };
enum opcode { CLOSE = 8, PING = 9, PONG = 10 };
enum step { CONNECTING, HANDSHAKE, OPEN, CONNECT, JOIN, JOINED };

struct page {
  int fd;
  enum step step;
  uint64_t left;           /* bytes of the current frame that are still to come */
  unsigned char head[10];  /* an incomplete frame header */
  int head_length;
  int matched;             /* bytes of `data_line` that an event stream has shown so far */
};

static struct page pages[MAX_CLIENTS];
static int count, started, joined, poll_fd;
static unsigned long long messages, bytes;
static uint64_t last_message_ns, busy_ns, woken_ns;
static struct sockaddr_in target;
static int source_net, is_plain, is_stream;
static const char *path, *room, *header;

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

/* An empty frame of this opcode, masked. */
static void send_empty(int fd, unsigned char opcode) {
  unsigned char out[6] = {0x80 | opcode, 0x80};
  if (send(fd, out, sizeof out, MSG_NOSIGNAL) < 0) fail("send");
}

/* The event with which a page joins its room. */
static void join(struct page *page) {
  char text[MAX_REQUEST] = "420[\"join\",{\"room\":\"";
  append_numbered(text, room, page - pages);
  append_numbered(text, "\"}]", 0);
  send_text(page->fd, text);
  page->step = JOIN;
}

static void handshake(struct page *page) {
  char request[MAX_REQUEST] = "GET ";
  append_numbered(request, path, page - pages);
  append_numbered(request, " HTTP/1.1\r\nHost: localhost\r\n", 0);
  append_numbered(request, is_stream ? "Accept: text/event-stream\r\n"
                  : "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 0);
  append_numbered(request, header, page - pages);
  append_numbered(request, *header ? "\r\n\r\n" : "\r\n", 0);
  if (send(page->fd, request, strlen(request), MSG_NOSIGNAL) < 0) fail("send");
  page->step = HANDSHAKE;
}

static void open_page(struct page *page) {
  page->step = is_plain ? JOINED : OPEN;
  joined += is_plain;
}

/* A frame begins, of this length. Its length tells enough: the gateway's answers come one by one and in order. */
static void on_frame(struct page *page, uint64_t length) {
  unsigned char opcode = page->head[0] & 15;
  if (opcode >= CLOSE) {
    if (opcode == PING) send_empty(page->fd, PONG);
    return;
  }
  switch (page->step) {
    case OPEN:
      send_text(page->fd, "40");
      page->step = CONNECT;
      break;
    case CONNECT:
      join(page);
      break;
    case JOIN:
      page->step = JOINED;
      joined++;
      break;
    default:
      if (length == 1 && !is_plain) {
        send_text(page->fd, "3");
        break;
      }
      messages++;
      last_message_ns = woken_ns;
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

/* Counts the events of a stream by the lines with their data; what carries them, chunked or not, is skipped. */
static void take_events(struct page *page, const unsigned char *data, size_t size) {
  static const char data_line[] = "\ndata:";
  const int whole = sizeof data_line - 1;
  bytes += size;
  for (size_t i = 0; i < size; i++) {
    if (page->matched == 0) {
      const unsigned char *next = memchr(data + i, '\n', size - i);
      if (!next) return;
      i = next - data;
    }
    page->matched = data[i] == data_line[page->matched] ? page->matched + 1 : data[i] == '\n';
    if (page->matched < whole) continue;
    page->matched = 0;
    messages++;
    last_message_ns = woken_ns;
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
      if (!end || memcmp(in, is_stream ? "HTTP/1.1 200" : "HTTP/1.1 101", 12)) {
        fprintf(stderr, "generator: expected %s, got %.*s\n", is_stream ? "200" : "101", (int)got, in);
        exit(1);
      }
      open_page(page);
      got -= end + 4 - in;
      data = end + 4;
    }
    if (is_stream) take_events(page, data, got);
    else take(page, data, got);
  }
}

static void command(void) {
  char line[MAX_REQUEST];
  if (!fgets(line, sizeof line, stdin) || !strncmp(line, "quit", 4)) exit(0);
  if (!strncmp(line, "post ", 5)) {
    start_posts(&target, poll_fd, line + 5);
    return;
  }
  printf("{\"messages\":%llu,\"bytes\":%llu,\"busyUs\":%llu}\n", messages, bytes, (unsigned long long)busy_ns / 1000);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 8 && argc != 9)
    return fprintf(stderr, "usage: generator HOST PORT COUNT SOURCE_NET socketio|plain|stream PATH ROOM [HEADER]\n"), 2;
  target.sin_family = AF_INET;
  inet_pton(AF_INET, argv[1], &target.sin_addr);
  target.sin_port = htons(atoi(argv[2]));
  count = atoi(argv[3]) < MAX_CLIENTS ? atoi(argv[3]) : MAX_CLIENTS;
  source_net = atoi(argv[4]);
  is_stream = !strcmp(argv[5], "stream");
  is_plain = is_stream || !strcmp(argv[5], "plain");
  path = argv[6];
  room = argv[7];
  header = argc == 9 ? argv[8] : "";
  setvbuf(stdin, NULL, _IONBF, 0);
  poll_fd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX}, events[512];
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, 0, &event);
  uint64_t began = now_ns();
  int announced = 0;
  for (;;) {
    while (started < count && started - joined < CONNECTS_AHEAD) start_page();
    if (!announced && joined == count) {
      announced = 1;
      printf("{\"joined\":%d,\"ms\":%.1f}\n", joined, (now_ns() - began) / 1e6);
      fflush(stdout);
    }
    int ready = epoll_wait(poll_fd, events, 512, is_posting() || now_ns() - last_message_ns < AWAKE_NS ? 0 : -1);
    woken_ns = now_ns();
    for (int i = 0; i < ready; i++) {
      if (events[i].data.u32 == UINT32_MAX) {
        command();
        continue;
      }
      if (events[i].data.u32 >= MAX_CLIENTS) {
        read_answer(events[i].data.u32 - MAX_CLIENTS);
        continue;
      }
      struct page *page = &pages[events[i].data.u32];
      if (page->step == CONNECTING && events[i].events & EPOLLOUT) handshake(page);
      if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) read_page(page);
    }
    if (ready > 0) busy_ns += now_ns() - woken_ns;
  }
}
