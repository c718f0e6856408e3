// Descriptors for signals, timers and wake-ups, mounts, capabilities, and the allocator, which Swift's own module of the C library leaves out.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
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

// memfd_create(2), whose declaration is GNU's. The descriptor is inherited.
static inline int clinux_memory_file(const char *name) { return (int)syscall(SYS_memfd_create, name, 0); }

// unshare(2) with CLONE_NEWNS, whose names are GNU's.
static inline int clinux_unshare_mounts(void) { return (int)syscall(SYS_unshare, 0x00020000); }

// mount_setattr(2) with MOUNT_ATTR_RDONLY on an open mount and those in it; the C library's header for it
// and the kernel's exclude each other. The number is that of all architectures but Alpha.
static inline int clinux_make_mount_read_only(int mount) {
  unsigned long long attributes[4] = {1, 0, 0, 0};
  return (int)syscall(442, mount, "", 0x1000 /* AT_EMPTY_PATH */ | 0x8000 /* AT_RECURSIVE */,
                      attributes, sizeof attributes);
}

// setns(2), whose declaration is GNU's.
static inline int clinux_setns(int space) { return (int)syscall(SYS_setns, space, 0); }

// Leaves this process, and all that it starts, these capabilities at most.
static inline int clinux_limit_capabilities(unsigned long long kept) {
  for (int number = 0; number < 64; number++) {
    if (kept >> number & 1) continue;
    // Beyond the last one that the kernel knows, it says so.
    if (prctl(PR_CAPBSET_READ, number, 0, 0, 0) != 1) continue;
    if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) return -1;
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return -1;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) != 0) return -1;
  for (int word = 0; word < 2; word++) {
    data[word].permitted &= (unsigned int)(kept >> (32 * word));
    data[word].effective = data[word].permitted;
    data[word].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, data) != 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
