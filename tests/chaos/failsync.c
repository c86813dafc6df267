/* While the file named by FAILSYNC_FLAG exists, the disk accepts what is written and then fails to make it durable. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void) {
    const char *flag = getenv("FAILSYNC_FLAG");
    return flag != NULL && access(flag, F_OK) == 0;
}

static int pass(const char *name, int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (fails()) {
        errno = EIO;
        return -1;
    }
    return real(file);
}

int fsync(int file) { return pass("fsync", file); }

int fdatasync(int file) { return pass("fdatasync", file); }
