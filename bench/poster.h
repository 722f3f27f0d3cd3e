/*
 * The part of the load generator that speaks HTTP: keep-alive connections, each of which sends its next POST when it
 * has the answer to the last. It shares the loop of generator.c, so that the two do not wait for each other's turn.
 *
 *   post CONNECTIONS COUNT ROOMS PATH TOKEN BODY
 *   -> {"posted":COUNT,"p50Us":A,"p99Us":B}    when all have been answered with 200; how long answers took
 *
 * In PATH and BODY, {n} is the number of a room, below ROOMS, one after the other. TOKEN goes into `Authorization: Bearer`.
 */
#ifndef POSTER_H
#define POSTER_H
#include <netinet/in.h>

enum { MAX_REQUEST = 2048, MAX_CLIENTS = 20000 };

/* Appends a text to a request of MAX_REQUEST bytes, with the number for each {n}. */
void append_numbered(char *request, const char *text, long number);

/* Connections of posts are in the epoll set as MAX_CLIENTS and up. */
void start_posts(const struct sockaddr_in *target, int poll_fd, char *command);
void read_answer(int connection);
int is_posting(void);

#endif
