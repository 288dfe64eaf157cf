/* The floor of fan-out in any language: one send() a socket, ten times a second, from a loop in C.
 *
 * usage: floor PORT FRAME_BYTES HZ
 *
 * Answers every request with a fixed 101, then sends each socket one text frame of FRAME_BYTES a tick.
 * It checks nothing, parses nothing and drops what does not fit, so that nothing can be cheaper.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { MOST = 65536 };
static const char answer[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static int sockets[MOST], held;
static unsigned char frame[1 << 16];
static size_t frame_length;
static long long seq;

static void make_frame(size_t payload) {
    frame[0] = 0x81;
    size_t head = payload < 126 ? 2 : 4;
    frame[1] = payload < 126 ? (unsigned char)payload : 126;
    if (head == 4) frame[2] = (unsigned char)(payload >> 8), frame[3] = (unsigned char)payload;
    memset(frame + head, ' ', payload);
    int length = snprintf((char *)frame + head, payload, "{\"epoch\":\"000000000001\",\"seq\":%lld}", ++seq);
    frame[head + (size_t)length] = ' ';
    frame_length = head + payload;
}

static void tick(int timer, size_t payload) {
    uint64_t times;
    if (read(timer, &times, sizeof times) < 0) return;
    make_frame(payload);
    for (int i = 0; i < held; i++)
        if (send(sockets[i], frame, frame_length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) {
            close(sockets[i]);
            sockets[i--] = sockets[--held];
        }
}

int main(int argc, char **argv) {
    if (argc != 4) { fprintf(stderr, "usage: floor PORT FRAME_BYTES HZ\n"); return 2; }
    size_t payload = (size_t)atoi(argv[2]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poller = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 2048) < 0) { perror("listen"); return 1; }
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    long hz = atoi(argv[3]);
    struct timespec period = {hz == 1, hz == 1 ? 0 : 1000000000L / hz};   /* a timespec's nanoseconds stay below a second */
    struct itimerspec every = {period, period};
    timerfd_settime(timer, 0, &every, NULL);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, ready[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    e.data.fd = timer;
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &e);
    char request[8192];
    for (;;) {
        int n = epoll_wait(poller, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == timer) { tick(timer, payload); continue; }
            if (fd != listener) {   /* the request; later bytes are no concern of a floor */
                if (read(fd, request, sizeof request) > 0 && held < MOST) {
                    if (write(fd, answer, sizeof answer - 1) > 0) sockets[held++] = fd;
                }
                epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
                continue;
            }
            for (int fresh; (fresh = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                e = (struct epoll_event){.events = EPOLLIN, .data.fd = fresh};
                epoll_ctl(poller, EPOLL_CTL_ADD, fresh, &e);
            }
        }
    }
}
