/* A loop like a printer's step generator: it must be awake each millisecond, and notes how late it was.
 *
 * steps SECONDS: prints the 50th and 99th percentile and the longest delay, in microseconds. At normal priority, as
 * Klipper's host part runs. Built by the bench: cc -O2 -o steps steps.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PERIOD = 1000000, WORK = 50000 }; /* ns: between two, and what each takes to compute */

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int order(const void *a, const void *b) {
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

int main(int count, char **words) {
    int steps = count == 2 ? atoi(words[1]) * 1000 : 0;
    long long *late = calloc(steps + 1, sizeof *late), due = now() + PERIOD;
    if (steps < 100 || !late)
        return 2;
    for (int i = 0; i < steps; i++, due += PERIOD) {
        struct timespec until = {due / 1000000000LL, due % 1000000000LL};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        long long awake = now();
        late[i] = awake - due;
        while (now() - awake < WORK)
            ;
        while (due + PERIOD < now())
            due += PERIOD; /* a step that was missed is late once */
    }
    qsort(late, steps, sizeof *late, order);
    printf("%.1f %.1f %.1f\n", late[steps / 2] / 1e3, late[steps * 99 / 100] / 1e3, late[steps - 1] / 1e3);
    return 0;
}
