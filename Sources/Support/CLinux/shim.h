// Descriptors for signals, timers and wake-ups, and mounts, which Swift's own module of the C library leaves out.
#include <fcntl.h>
#include <linux/openat2.h>
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

// unshare(2) with CLONE_NEWNS, whose names are GNU's.
static inline int clinux_unshare_mounts(void) { return (int)syscall(SYS_unshare, 0x00020000); }

// mount_setattr(2) with MOUNT_ATTR_RDONLY on an open mount and those in it; the C library's header for it
// and the kernel's exclude each other. The number is that of all architectures but Alpha.
static inline int clinux_make_mount_read_only(int mount) {
  unsigned long long attributes[4] = {1, 0, 0, 0};
  return (int)syscall(442, mount, "", 0x1000 /* AT_EMPTY_PATH */ | 0x8000 /* AT_RECURSIVE */,
                      attributes, sizeof attributes);
}
