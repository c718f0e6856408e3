// Descriptors for signals, timers and wake-ups, and mounts, which Swift's own module of the C library leaves out.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

// The C library has no function for it, and Swift cannot call syscall(2).
static inline int clinux_openat2(int directory, const char *path, int flags, unsigned int mode,
                                 unsigned long long resolve) {
  struct open_how how = {
      .flags = (unsigned long long)flags, .mode = mode, .resolve = resolve};
  return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}
