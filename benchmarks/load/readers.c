/* Many readers of one stream, in one process that is cheap enough not to be the bottleneck.
 *
 * usage: readers HOST PORT COUNT [--path P]... [--mute M] [--window W] [--rate R] [--sampled S]
 *
 * Opens COUNT WebSockets (W handshakes under way at once, at most R begun a second, paths in turn), reads frames from all
 * but the first M of them (which never read again once they are open: slow readers), answers pings,
 * and obeys one-word commands on standard input, answering each with one line of JSON:
 *   stats   frames and bytes since the start, sockets open and lost
 *   last    how many sockets hold which (epoch, seq) as their newest
 *   sample  per sampled socket (S of them, spread evenly): every frame's arrival (CLOCK_MONOTONIC, ns) and seq
 *   quit    the end
 * Prints {"open":N,"seconds":S} once all are open. Exits by itself when standard input ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SPIN_NS = 200000, BUFFER = 4096, MOST_PATHS = 128, MOST_SAMPLES = 1 << 16 };
enum state { CLOSED, CONNECTING, SHAKING, OPEN, LOST };

struct sample { uint64_t at; long long seq; };

struct reader {
    int fd;
    enum state state;
    int mute;
    uint32_t held;              /* bytes in buffer */
    uint64_t skip;              /* payload bytes still to pass over */
    long long seq;
    unsigned long long epoch;
    uint64_t frames;
    struct sample *samples;
    uint32_t sampled;
    unsigned char buffer[BUFFER];
};

static struct reader *readers;
static int count, window = 64, rate, mute, sampled = 50, opened, lost, next_to_open, under_way, paths;
static const char *path[MOST_PATHS];
static uint64_t frames, bytes;
static struct sockaddr_in server;
static char host[64];
static int port, poller;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void lose(struct reader *r) {
    if (r->state == CONNECTING || r->state == SHAKING) under_way--;
    if (r->state == OPEN) opened--;
    r->state = LOST;
    lost++;
    close(r->fd);
}

static void start(struct reader *r) {
    int one = 1;
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (r->fd < 0) { perror("socket"); exit(1); }
    setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (r->mute) {
        int small = 4096;
        setsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
    r->state = CONNECTING;
    under_way++;
    if (connect(r->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) { lose(r); return; }
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = r};
    epoll_ctl(poller, EPOLL_CTL_ADD, r->fd, &e);
}

static void shake(struct reader *r) {
    char request[1024];
    int index = (int)(r - readers);
    int length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"
        "User-Agent: Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/131.0.0.0 Mobile Safari/537.36\r\nUpgrade: websocket\r\nOrigin: http://%s:%d\r\n"
        "Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en-GB,en;q=0.9\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        path[index % paths], host, port, host, port);
    if (write(r->fd, request, (size_t)length) != length) { lose(r); return; }
    r->state = SHAKING;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = r};
    epoll_ctl(poller, EPOLL_CTL_MOD, r->fd, &e);
}

static const char *find(const unsigned char *in, size_t length, const char *what) {
    return memmem(in, length, what, strlen(what));
}

static void take_results(struct reader *r, const unsigned char *payload, size_t length) {
    const char *seq = find(payload, length, "\"seq\":"), *epoch = find(payload, length, "\"epoch\":\"");
    if (epoch) r->epoch = strtoull(epoch + 9, NULL, 16);
    if (!seq) return;
    r->seq = atoll(seq + 6);
    if (r->samples && r->sampled < MOST_SAMPLES) r->samples[r->sampled++] = (struct sample){now_ns(), r->seq};
}

static void pong(struct reader *r, const unsigned char *payload, size_t length) {
    unsigned char out[6 + 125] = {0x8a, (unsigned char)(0x80 | length), 0, 0, 0, 0};
    memcpy(out + 6, payload, length);   /* masked with zeros */
    if (write(r->fd, out, 6 + length) < 0) lose(r);
}

/* One whole frame at the start of the buffer: its length, or 0 where more must come, or -1 at a close. */
static long frame(struct reader *r) {
    if (r->held < 2) return 0;
    size_t head = 2, length = r->buffer[1] & 0x7f;
    if (length == 126) {
        if (r->held < 4) return 0;
        head = 4, length = (size_t)r->buffer[2] << 8 | r->buffer[3];
    } else if (length == 127) { fprintf(stderr, "a frame past 64 KiB\n"); exit(1); }
    if (head + length > BUFFER) { fprintf(stderr, "a frame past the buffer\n"); exit(1); }
    if (r->held < head + length) return 0;
    switch (r->buffer[0] & 0x0f) {
    case 8: return -1;
    case 9: pong(r, r->buffer + head, length); break;
    case 1: case 2:
        frames++, r->frames++;
        take_results(r, r->buffer + head, length);
    }
    return (long)(head + length);
}

static void take_frames(struct reader *r) {
    long length;
    while (r->state == OPEN && (length = frame(r)) != 0) {
        if (length < 0) { lose(r); return; }
        r->held -= (uint32_t)length;
        memmove(r->buffer, r->buffer + length, r->held);
    }
}

static void become_open(struct reader *r) {
    const char *end = find(r->buffer, r->held, "\r\n\r\n");
    if (!end) return;
    if (!find(r->buffer, 12, " 101")) {
        fprintf(stderr, "refused: %.60s\n", r->buffer);
        lose(r);
        return;
    }
    size_t head = (size_t)(end + 4 - (char *)r->buffer);
    r->held -= (uint32_t)head;
    memmove(r->buffer, r->buffer + head, r->held);
    r->state = OPEN;
    under_way--, opened++;
    if (r->mute) epoll_ctl(poller, EPOLL_CTL_DEL, r->fd, NULL);
    else take_frames(r);
}

static void receive(struct reader *r) {
    ssize_t got = read(r->fd, r->buffer + r->held, BUFFER - r->held);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) { lose(r); return; }
    bytes += (uint64_t)got;
    r->held += (uint32_t)got;
    if (r->state == SHAKING) become_open(r);
    else take_frames(r);
}

static void print_last(void) {
    printf("{\"open\":%d,\"newest\":[", opened);
    int distinct = 0;
    for (int i = mute; i < count; i++) {
        int seen = 0;
        for (int j = mute; j < i && !seen; j++)   /* few distinct ones: the first of each stops the search early */
            seen = readers[j].seq == readers[i].seq && readers[j].epoch == readers[i].epoch;
        if (seen) continue;
        int same = 0;
        for (int j = mute; j < count; j++)
            same += readers[j].seq == readers[i].seq && readers[j].epoch == readers[i].epoch;
        printf("%s{\"epoch\":\"%012llx\",\"seq\":%lld,\"sockets\":%d}", distinct++ ? "," : "", readers[i].epoch,
               readers[i].seq, same);
        if (distinct == 100) break;
    }
    printf("]}\n");
}

static void print_sample(void) {
    int first = 1;
    printf("[");
    for (int i = 0; i < count; i++) {
        struct reader *r = &readers[i];
        if (!r->samples) continue;
        printf("%s[", first ? "" : ",");
        for (uint32_t k = 0; k < r->sampled; k++)
            printf("%s[%llu,%lld]", k ? "," : "", (unsigned long long)r->samples[k].at, r->samples[k].seq);
        printf("]");
        first = 0;
    }
    printf("]\n");
}

static void obey(void) {
    char line[64];
    if (!fgets(line, sizeof line, stdin) || !strncmp(line, "quit", 4)) exit(0);
    if (!strncmp(line, "stats", 5))
        printf("{\"frames\":%llu,\"bytes\":%llu,\"open\":%d,\"lost\":%d}\n", (unsigned long long)frames,
               (unsigned long long)bytes, opened, lost);
    else if (!strncmp(line, "last", 4)) print_last();
    else if (!strncmp(line, "sample", 6)) print_sample();
    else printf("{\"error\":\"stats, last, sample or quit\"}\n");
}

static void set_up(int argc, char **argv) {
    if (argc < 4) { fprintf(stderr, "usage: readers HOST PORT COUNT [--path P]... [--mute M] [--window W] [--rate R] [--sampled S]\n"); exit(2); }
    snprintf(host, sizeof host, "%s", argv[1]);
    port = atoi(argv[2]), count = atoi(argv[3]);
    for (int i = 4; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--path") && paths < MOST_PATHS) path[paths++] = argv[i + 1];
        else if (!strcmp(argv[i], "--mute")) mute = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--window")) window = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--rate")) rate = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--sampled")) sampled = atoi(argv[i + 1]);
    }
    if (!paths) path[paths++] = "/";
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &server.sin_addr) != 1) { fprintf(stderr, "HOST is an IPv4 address\n"); exit(2); }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    readers = calloc((size_t)count, sizeof *readers);
    int stride = sampled > 0 && count - mute > sampled ? (count - mute) / sampled : 1;   /* early ones and late ones alike */
    for (int i = 0, chosen = 0; i < count; i++) {
        readers[i].mute = i < mute;
        if (i < mute || (i - mute) % stride || chosen == sampled) continue;
        readers[i].samples = malloc(sizeof(struct sample) * MOST_SAMPLES);
        chosen++;
    }
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
    setvbuf(stdin, NULL, _IONBF, 0);
}

/* The sender's send() wakes a sleeping reader, at the sender's cost. Over a network another machine would pay for
 * that. So a reader polls for a while before it sleeps. Then the measured cost of a server is sending alone, however
 * fast its frames follow one another. */
static int next_events(struct epoll_event ready[256], int at_most_ms) {
    static uint64_t latest;
    int n;
    while (!(n = epoll_wait(poller, ready, 256, 0)))
        if (now_ns() - latest > SPIN_NS) {
            n = epoll_wait(poller, ready, 256, at_most_ms);
            break;
        }
    latest = now_ns();
    return n;
}

/* How many sockets may have been begun by now. */
static int due(uint64_t began) {
    uint64_t by_now = 1 + (now_ns() - began) * (uint64_t)rate / 1000000000u;
    return rate && by_now < (uint64_t)count ? (int)by_now : count;
}

int main(int argc, char **argv) {
    set_up(argc, argv);
    poller = epoll_create1(0);
    struct epoll_event commands = {.events = EPOLLIN, .data.ptr = NULL}, ready[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &commands);
    uint64_t began = now_ns();
    int reported = 0;
    for (;;) {
        int until = due(began);
        while (next_to_open < until && under_way < window) start(&readers[next_to_open++]);
        if (!reported && next_to_open == count && !under_way) {
            printf("{\"open\":%d,\"seconds\":%.6f}\n", opened, (double)(now_ns() - began) / 1e9);
            reported = 1;
        }
        int n = next_events(ready, next_to_open < count ? 1 : -1);
        for (int i = 0; i < n; i++) {
            struct reader *r = ready[i].data.ptr;
            if (!r) { obey(); continue; }
            if (r->state == CONNECTING && (ready[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) shake(r);
            else if (r->state == SHAKING || r->state == OPEN) receive(r);
        }
    }
}
