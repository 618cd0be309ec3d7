/* What the cases of the suite ask of a container: HOSTLER_CASE says what. Static, so an image needs nothing else. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static void stop(int signal) { (void)signal; _exit(0); }
int main(int argc, char **argv) {
  const char *wish = getenv("HOSTLER_CASE");
  if (!wish) wish = "serves";
  if (argc != 2 || strcmp(argv[1], "serve")) { fprintf(stderr, "not asked to serve\n"); return 99; }
  if (!strcmp(wish, "serves")) { signal(SIGTERM, stop); puts("ready"); fflush(stdout); for (;;) pause(); }
  if (!strncmp(wish, "exit ", 5)) { puts("bye"); return atoi(wish + 5); }
  if (!strcmp(wish, "fault")) { *(volatile int *)8 = 1; }
  if (!strncmp(wish, "print ", 6)) { puts(wish + 6); return 0; }
  if (!strcmp(wish, "deaf")) { signal(SIGTERM, SIG_IGN); puts("ready"); fflush(stdout); for (;;) pause(); }
  if (!strncmp(wish, "eat ", 4)) { size_t n = (size_t)atoi(wish + 4) << 20; volatile char *p = malloc(n); for (size_t i = 0; i < n; i += 512) p[i] = 1; puts("full"); return 0; }
  if (!strncmp(wish, "dial ", 5)) { /* dial ADDRESS PORT */
    char host[64]; int port;
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (sscanf(wish + 5, "%63s %d", host, &port) != 2 || !inet_aton(host, &to.sin_addr)) return 97;
    to.sin_port = htons(port);
    struct timeval patience = {.tv_sec = 3};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    puts(connect(s, (struct sockaddr *)&to, sizeof to) ? strerror(errno) : "connected");
    return 0;
  }
  if (!strcmp(wish, "answer")) { /* says hello to whoever connects to port 8080 */
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(8080)};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(s, (struct sockaddr *)&at, sizeof at) || listen(s, 8)) return 96;
    signal(SIGTERM, stop);
    puts("ready");
    fflush(stdout);
    for (;;) {
      int c = accept(s, 0, 0);
      if (write(c, "hello\n", 6) != 6) return 95;
      close(c);
    }
  }
  return 98;
}
