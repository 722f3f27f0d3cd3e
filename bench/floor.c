/*
 * The floor: the least that any server can do to reach N websockets. It accepts connections, answers the handshake
 * and, in the style `socketio`, the three packets of a page; from then on it sends one ready-made frame to each with a
 * bare send() loop, once per byte that arrives on its control connection. No epoll on the way out, no queue, no parsing.
 * In the style `stream` a page is answered with an endless event stream, and a frame is one event in one chunk.
 *
 *   floor PORT CONTROL_PORT STYLE PAYLOAD_BYTES
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MAX_CLIENTS = 20000, MAX_FRAME = 70000 };

/* 0: handshake is due, then one step per packet of the page. */
static unsigned char step_of[65536];
static int clients[MAX_CLIENTS];
static int client_count;
static unsigned char frame[MAX_FRAME];
static size_t frame_length;
static int is_plain, is_stream;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int listen_on(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096)) fail("listen");
  return fd;
}

static size_t write_header(unsigned char *out, size_t length) {
  out[0] = 0x81;
  if (length < 126) {
    out[1] = length;
    return 2;
  }
  out[1] = 126;
  out[2] = length >> 8;
  out[3] = length & 255;
  return 4;
}

static void send_text(int fd, const char *text) {
  unsigned char out[256];
  size_t length = strlen(text), header = write_header(out, length);
  memcpy(out + header, text, length);
  if (send(fd, out, header + length, MSG_NOSIGNAL) < 0) fail("send");
}

/* So many x: bare, as 42["update","xxx..."], or as an event. */
static void make_frame(size_t payload) {
  if (is_stream) {
    frame_length = sprintf((char *)frame, "%zx\r\ndata: ", payload + strlen("data: \n\n"));
    memset(frame + frame_length, 'x', payload);
    memcpy(frame + frame_length + payload, "\n\n\r\n", 4);
    frame_length += payload + 4;
    return;
  }
  const char *head = is_plain ? "" : "42[\"update\",\"", *tail = is_plain ? "" : "\"]";
  size_t length = strlen(head) + payload + strlen(tail);
  size_t at = write_header(frame, length);
  memcpy(frame + at, head, strlen(head));
  memset(frame + at + strlen(head), 'x', payload);
  memcpy(frame + at + strlen(head) + payload, tail, strlen(tail));
  frame_length = at + length;
}

static void add_client(int fd) {
  if (client_count < MAX_CLIENTS) clients[client_count++] = fd;
}

/* The generator's page sends each packet in one segment and waits for the answer: no reassembly is needed. */
static void answer(int fd) {
  char in[4096];
  ssize_t got = recv(fd, in, sizeof in, 0);
  if (got <= 0) {
    close(fd);
    return;
  }
  switch (step_of[fd]++) {
    case 0: {
      /* The generator does not check the accept key; a browser would. */
      const char *ok = is_stream
                         ? "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                         : "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
      if (send(fd, ok, strlen(ok), MSG_NOSIGNAL) < 0) fail("send");
      if (is_plain) add_client(fd);
      else send_text(fd, "0{\"sid\":\"x\"}");
      break;
    }
    case 1:
      send_text(fd, "40{\"sid\":\"x\"}");
      break;
    case 2:
      add_client(fd);
      send_text(fd, "430[]");
      break;
    default:
      break;
  }
}

static void broadcast(ssize_t times) {
  while (times-- > 0)
    for (int i = 0; i < client_count; i++) send(clients[i], frame, frame_length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int main(int argc, char **argv) {
  if (argc != 5) return fprintf(stderr, "usage: floor PORT CONTROL_PORT socketio|plain|stream PAYLOAD_BYTES\n"), 2;
  int server = listen_on(atoi(argv[1])), control = listen_on(atoi(argv[2])), commander = -1;
  is_stream = !strcmp(argv[3], "stream");
  is_plain = is_stream || !strcmp(argv[3], "plain");
  make_frame(strtoul(argv[4], NULL, 10) % 60000);
  int poll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = server}, events[256];
  epoll_ctl(poll, EPOLL_CTL_ADD, server, &event);
  event.data.fd = control;
  epoll_ctl(poll, EPOLL_CTL_ADD, control, &event);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int ready = epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd, yes = 1;
      if (fd == server || fd == control) {
        int accepted = accept(fd, NULL, NULL);
        if (accepted < 0) continue;
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        event.data.fd = accepted;
        epoll_ctl(poll, EPOLL_CTL_ADD, accepted, &event);
        if (fd == control) commander = accepted;
        else step_of[accepted & 65535] = 0;
      } else if (fd == commander) {
        char bytes[4096];
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        if (got <= 0) return 0;
        broadcast(got);
      } else {
        answer(fd);
      }
    }
  }
}
