/* A disk that takes SLOWSYNC_US microseconds longer to make durable what was written. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int pass(const char *name, int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    const char *said = getenv("SLOWSYNC_US");
    long pause = said == NULL ? 0 : atol(said);
    struct timespec longer = {pause / 1000000, pause % 1000000 * 1000};
    int result = real(file);
    nanosleep(&longer, NULL);
    return result;
}

int fsync(int file) { return pass("fsync", file); }

int fdatasync(int file) { return pass("fdatasync", file); }
