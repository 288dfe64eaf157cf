/* Requests over kept connections, each sent when the one before was answered (or at a fixed rate).
 *
 * usage: requests HOST PORT COUNT CONNECTIONS --template FILE... [--tokens FILE] [--polls FILE] [--rate R]
 *                 [--log FILE] [--seconds S]
 *
 * A template is a whole HTTP/1.1 request; templates are used in turn. "@TOKEN@" in one, padded with '@' to the
 * tokens' length, is replaced by the next line of the tokens' file, so that each request is another voter's;
 * "@POLL@" likewise by the next line of the polls' file. The lines of one file are equally long.
 * Without --rate a connection sends as soon as it was answered; with it, requests leave R a second in all,
 * and one that finds no free connection waits (its wait counts as latency).
 * --log writes a line per answer: its arrival (CLOCK_MONOTONIC, ns) and the "seq" in it (or -1).
 * Prints one JSON object: answers by status, seconds, and latency percentiles in milliseconds.
 * Ends after COUNT answers, S seconds (default 120), or when a connection cannot be made.
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
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 16, MOST_TEMPLATES = 16 };

struct template { char *text; size_t length; char *token, *poll; };
struct lines { char *text; size_t length, count; };
struct connection { int fd, busy; uint64_t asked; size_t held; char buffer[BUFFER]; };
struct answer { uint64_t at, took; long long seq; };

static struct template templates[MOST_TEMPLATES];
static struct connection *connections;
static struct answer *answers;
static struct lines tokens, polls;
static long count, sent, answered, wanted, lost, statuses[600];
static int connection_count, template_count, poller;
static double rate, limit_s = 120;
static uint64_t began;
static struct sockaddr_in server;
static const char *log_name;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static char *slurp(const char *name, size_t *length) {
    FILE *file = fopen(name, "rb");
    if (!file) { perror(name); exit(2); }
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*length + 1);
    if (fread(text, 1, *length, file) != *length) { perror(name); exit(2); }
    text[*length] = 0;
    fclose(file);
    return text;
}

static struct lines lines_of(const char *name) {
    size_t length;
    struct lines l = {.text = slurp(name, &length)};
    l.length = strcspn(l.text, "\n");
    l.count = length / (l.length + 1);
    if (!l.count) { fprintf(stderr, "%s: no whole line\n", name); exit(2); }
    return l;
}

static void put_line(char *where, const struct lines *l) {
    if (where && l->count) memcpy(where, l->text + (size_t)sent % l->count * (l->length + 1), l->length);
}

static void connect_one(struct connection *c) {
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0) { perror("connect"); exit(1); }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->busy = 0, c->held = 0;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
}

static void ask(struct connection *c, uint64_t due) {
    struct template *t = &templates[sent % template_count];
    put_line(t->token, &tokens);
    put_line(t->poll, &polls);
    c->busy = 1, c->asked = due, c->held = 0;
    sent++;
    if (send(c->fd, t->text, t->length, MSG_NOSIGNAL) != (ssize_t)t->length) { perror("send"); exit(1); }
}

/* The length of a whole answer at the start of the buffer, or 0. */
static size_t whole(struct connection *c, int *status) {
    char *end = memmem(c->buffer, c->held, "\r\n\r\n", 4);
    if (!end) return 0;
    *status = atoi(c->buffer + 9);
    size_t head = (size_t)(end + 4 - c->buffer), body = 0;
    c->buffer[c->held] = 0;
    char *field = strcasestr(c->buffer, "\r\ncontent-length:");
    if (field && field < end) body = (size_t)atol(field + 17);
    return c->held >= head + body ? head + body : 0;
}

static void receive(struct connection *c) {
    ssize_t got = recv(c->fd, c->buffer + c->held, BUFFER - 1 - c->held, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        if (c->busy) lost++, wanted--;
        close(c->fd);
        connect_one(c);
        return;
    }
    c->held += (size_t)got;
    int status = 0;
    if (!c->busy || !whole(c, &status)) return;
    uint64_t at = now_ns();
    char *seq = memmem(c->buffer, c->held, "\"seq\":", 6);
    answers[answered++] = (struct answer){at, at - c->asked, seq ? atoll(seq + 6) : -1};
    if (status > 0 && status < 600) statuses[status]++;
    c->busy = 0;
}

static void send_what_is_due(void) {
    long due = count;
    uint64_t now = now_ns();
    if (rate > 0) {
        due = (long)((double)(now - began) / 1e9 * rate);
        if (due > count) due = count;
    }
    for (int i = 0; i < connection_count && sent < due; i++)
        if (!connections[i].busy)
            ask(&connections[i], rate > 0 ? began + (uint64_t)((double)sent / rate * 1e9) : now_ns());
}

static int by_latency(const void *a, const void *b) {
    uint64_t x = ((const struct answer *)a)->took, y = ((const struct answer *)b)->took;
    return x < y ? -1 : x > y;
}

static double percentile(double p) {
    long n = answered;
    return n > 0 ? (double)answers[(long)(p * (double)(n - 1))].took / 1e6 : 0;
}

static void report(void) {
    double seconds = (double)(now_ns() - began) / 1e9;
    if (log_name) {
        FILE *file = fopen(log_name, "w");
        for (long i = 0; file && i < answered; i++) fprintf(file, "%llu %lld\n", (unsigned long long)answers[i].at, answers[i].seq);
        if (file) fclose(file);
    }
    qsort(answers, (size_t)answered, sizeof *answers, by_latency);
    printf("{\"answered\":%ld,\"lost\":%ld,\"seconds\":%.6f,\"statuses\":{", answered, lost, seconds);
    for (int s = 0, first = 1; s < 600; s++)
        if (statuses[s]) printf("%s\"%d\":%ld", first ? "" : ",", s, statuses[s]), first = 0;
    printf("},\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n", percentile(0.5), percentile(0.99), percentile(1));
}

static void add_template(const char *name) {
    struct template *t = &templates[template_count++];
    t->text = slurp(name, &t->length);
    t->token = memmem(t->text, t->length, "@TOKEN@", 7);
    t->poll = memmem(t->text, t->length, "@POLL@", 6);
}

static void set_up(int argc, char **argv) {
    if (argc < 5) { fprintf(stderr, "usage: requests HOST PORT COUNT CONNECTIONS --template FILE... [--tokens FILE] ...\n"); exit(2); }
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) { fprintf(stderr, "HOST is an IPv4 address\n"); exit(2); }
    count = atol(argv[3]), connection_count = atoi(argv[4]);
    for (int i = 5; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--template") && template_count < MOST_TEMPLATES) add_template(argv[i + 1]);
        else if (!strcmp(argv[i], "--tokens")) tokens = lines_of(argv[i + 1]);
        else if (!strcmp(argv[i], "--polls")) polls = lines_of(argv[i + 1]);
        else if (!strcmp(argv[i], "--rate")) rate = atof(argv[i + 1]);
        else if (!strcmp(argv[i], "--log")) log_name = argv[i + 1];
        else if (!strcmp(argv[i], "--seconds")) limit_s = atof(argv[i + 1]);
    }
    if (!template_count) { fprintf(stderr, "at least one --template\n"); exit(2); }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    connections = calloc((size_t)connection_count, sizeof *connections);
    answers = malloc(sizeof *answers * (size_t)(count + connection_count));
    wanted = count;
}

int main(int argc, char **argv) {
    set_up(argc, argv);
    poller = epoll_create1(0);
    for (int i = 0; i < connection_count; i++) connect_one(&connections[i]);
    struct epoll_event ready[256];
    began = now_ns();
    while (answered < wanted && (double)(now_ns() - began) / 1e9 < limit_s) {
        send_what_is_due();
        int n = epoll_wait(poller, ready, 256, rate > 0 ? 1 : 100);
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;
            receive(c);
            if (rate == 0 && !c->busy && sent < count) ask(c, now_ns());
        }
    }
    report();
    return 0;
}
