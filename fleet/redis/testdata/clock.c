// This library moves the clock of a server that tests start: LD_PRELOAD names it, and BANKMUX_CLOCK
// names a file with the microseconds to add. Redis reads its clock with gettimeofday alone.

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *shift;

__attribute__((constructor)) static void open_shift(void) {
	int fd = open(getenv("BANKMUX_CLOCK"), O_RDONLY);
	void *file = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED) _exit(3);
	shift = file;
	close(fd);
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz) {
	struct timespec ts;
	(void)tz;
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts);
	int64_t micros = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 + *shift;
	tv->tv_sec = micros / 1000000;
	tv->tv_usec = micros % 1000000;
	return 0;
}
