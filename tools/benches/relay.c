/* An MJPEG relay with epoll, as plain C does it: the yardstick of `tools/bench relay`.
 *
 * relay SOURCE_PORT LISTEN_PORT SEND_BUFFER: reads one multipart stream from 127.0.0.1:SOURCE_PORT and sends each
 * picture to everybody who is connected to 127.0.0.1:LISTEN_PORT. A viewer that still takes an older picture skips it.
 * Pictures pass as they are. Built by the bench: cc -O2 -o relay relay.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { VIEWERS = 256, LARGEST = 4 << 20, HEAD = 4096, PIECE = 65536 };

struct picture {
    int users;
    size_t size;
    char head[128];
    size_t head_size;
    char *bytes;
};

struct viewer {
    int fd;
    struct picture *now; /* on its way, or none */
    size_t sent;         /* of head, bytes and the boundary after them */
};

static const char ANSWER[] =
    "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=picture\r\n"
    "Cache-Control: no-store\r\nConnection: close\r\n\r\n--picture\r\n";
static const char BETWEEN[] = "\r\n--picture\r\n";
static struct viewer viewers[VIEWERS];
static struct picture pictures[VIEWERS + 2];
static int waiter, many;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void forget(struct viewer *one) {
    if (one->now)
        one->now->users--;
    close(one->fd);
    one->fd = -1;
    one->now = NULL;
}

static void push(struct viewer *one) {
    struct picture *p = one->now;
    size_t sizes[3] = {p->head_size, p->size, sizeof BETWEEN - 1};
    const char *starts[3] = {p->head, p->bytes, BETWEEN};
    struct iovec parts[3];
    size_t skip = one->sent;
    int count = 0;
    for (int i = 0; i < 3; i++) {
        if (skip >= sizes[i]) {
            skip -= sizes[i];
            continue;
        }
        parts[count].iov_base = (char *)starts[i] + skip;
        parts[count++].iov_len = sizes[i] - skip;
        skip = 0;
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent = sendmsg(one->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN)
            forget(one);
        return;
    }
    one->sent += sent;
    if (one->sent == sizes[0] + sizes[1] + sizes[2]) {
        p->users--;
        one->now = NULL;
    }
}

static void show(struct picture *p) {
    p->head_size = snprintf(p->head, sizeof p->head, "Content-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n", p->size);
    for (int i = 0; i < many; i++)
        if (viewers[i].fd >= 0 && !viewers[i].now) {
            viewers[i].now = p;
            viewers[i].sent = 0;
            p->users++;
            push(&viewers[i]);
        }
}

static struct picture *empty(void) {
    for (int i = 0; i < VIEWERS + 2; i++)
        if (!pictures[i].users) {
            if (!pictures[i].bytes && !(pictures[i].bytes = malloc(LARGEST)))
                fail("malloc");
            return &pictures[i];
        }
    abort(); /* there are more pictures than viewers */
}

/* The stream: heads are gathered in `head`, the bytes of a picture land where they stay. */
static char head[HEAD + 1];
static size_t in_head, missing;
static struct picture *coming;

static void body(const char *data, size_t size) {
    while (size) {
        if (!coming) {
            size_t room = HEAD - in_head, take = size < room ? size : room;
            memcpy(head + in_head, data, take);
            head[in_head + take] = 0;
            char *end = strstr(head, "\r\n\r\n"), *length = strcasestr(head, "Content-Length:");
            if (!end) {
                in_head += take;
                data += take;
                size -= take;
                if (in_head == HEAD)
                    exit(2);
                continue;
            }
            size_t used = end + 4 - head - in_head;
            data += used;
            size -= used;
            in_head = 0;
            if (!length || length > end)
                continue; /* the answer's own head */
            missing = strtoul(length + 15, NULL, 10);
            if (missing > LARGEST)
                exit(2);
            coming = empty();
            coming->size = 0;
        }
        size_t take = size < missing ? size : missing;
        memcpy(coming->bytes + coming->size, data, take);
        coming->size += take;
        missing -= take;
        data += take;
        size -= take;
        if (!missing) {
            show(coming);
            coming = NULL;
        }
    }
}

static void take(int source) {
    static char piece[PIECE];
    for (;;) {
        ssize_t got;
        if (coming) { /* no copy: straight to its place */
            got = recv(source, coming->bytes + coming->size, missing, MSG_DONTWAIT);
            if (got > 0) {
                coming->size += got;
                missing -= got;
                if (!missing) {
                    show(coming);
                    coming = NULL;
                }
                continue;
            }
        } else {
            got = recv(source, piece, 512, MSG_DONTWAIT); /* a head, and little more */
            if (got > 0) {
                body(piece, got);
                continue;
            }
        }
        if (got < 0 && errno == EAGAIN)
            return;
        exit(0);
    }
}

static struct sockaddr_in here(int port) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(port)};
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return place;
}

static void watch(int fd, int what, int index) {
    struct epoll_event event = {.events = what, .data.u32 = index};
    if (epoll_ctl(waiter, EPOLL_CTL_ADD, fd, &event))
        fail("epoll_ctl");
}

static void greet(int listener, int buffer) {
    char request[HEAD];
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0 || many == VIEWERS)
        return;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    while (recv(fd, request, sizeof request, 0) < 0)
        usleep(1000);
    if (send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL) < 0)
        fail("send");
    viewers[many] = (struct viewer){.fd = fd};
    watch(fd, EPOLLIN | EPOLLOUT | EPOLLET, many++);
}

int main(int count, char **words) {
    if (count != 4)
        return 2;
    struct sockaddr_in from = here(atoi(words[1])), at = here(atoi(words[2]));
    int buffer = atoi(words[3]), yes = 1;
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    int source = socket(AF_INET, SOCK_STREAM, 0), listener = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(source, (void *)&from, sizeof from) || send(source, request, sizeof request - 1, 0) < 0)
        fail("connect");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (void *)&at, sizeof at) || listen(listener, VIEWERS))
        fail("listen");
    waiter = epoll_create1(0);
    watch(source, EPOLLIN, VIEWERS);
    watch(listener, EPOLLIN, VIEWERS + 1);
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(waiter, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            unsigned index = events[i].data.u32;
            if (index == VIEWERS)
                take(source);
            else if (index == VIEWERS + 1)
                greet(listener, buffer);
            else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && viewers[index].fd >= 0)
                forget(&viewers[index]); /* viewers say nothing */
            else if (viewers[index].fd >= 0 && viewers[index].now)
                push(&viewers[index]);
        }
    }
}
