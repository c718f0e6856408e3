#define _GNU_SOURCE
#include "CWallClock.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

// What the file says.
struct clocks {
  _Atomic int64_t ahead;  // seconds, of the wall clock
  _Atomic int64_t stood;  // nanoseconds, of all clocks
};
static const struct clocks *clocks;

static int is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

// Adds nanoseconds, which may be negative.
static void add(struct timespec *time, int64_t nanoseconds) {
  int64_t sum = time->tv_nsec + nanoseconds;
  int64_t seconds = sum / 1000000000;
  if (sum % 1000000000 < 0) seconds--;
  time->tv_sec += seconds;
  time->tv_nsec = sum - seconds * 1000000000;
}

static void shift(clockid_t clock, struct timespec *now) {
  if (!clocks || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID) return;
  if (is_wall(clock)) now->tv_sec += atomic_load(&clocks->ahead);
  int64_t stood = atomic_load(&clocks->stood);
  if (stood) add(now, -stood);
}

#if defined(__x86_64__)
// For programs that call the kernel's shared object themselves, with little stack: Go's.
static int shifted_vdso(clockid_t clock, struct timespec *now) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_clock_gettime), "D"(clock), "S"(now) : "rcx", "r11", "memory");
  if (result == 0) shift(clock, now);
  return (int)result;
}

// Lets the object's function jump to ours, in this process's own copy of the page.
static void redirect_vdso(void) {
  const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
  if (!base) return;
  const ElfW(Ehdr) *header = (const void *)base;
  const ElfW(Phdr) *segments = (const void *)(base + header->e_phoff);
  const ElfW(Dyn) *entry = NULL;
  const char *load = base;
  for (int i = 0; i < header->e_phnum; i++) {
    if (segments[i].p_type == PT_LOAD) load = base + segments[i].p_offset - segments[i].p_vaddr;
    if (segments[i].p_type == PT_DYNAMIC) entry = (const void *)(base + segments[i].p_offset);
  }
  const ElfW(Sym) *symbols = NULL;
  const char *names = NULL;
  const uint32_t *hash = NULL;
  for (; entry && entry->d_tag != DT_NULL; entry++) {
    const void *place = load + entry->d_un.d_ptr;
    if (entry->d_tag == DT_SYMTAB) symbols = place;
    if (entry->d_tag == DT_STRTAB) names = place;
    if (entry->d_tag == DT_HASH) hash = place;
  }
  if (!symbols || !names || !hash) return;
  for (uint32_t i = 0; i < hash[1]; i++) {
    if (strcmp(names + symbols[i].st_name, "__vdso_clock_gettime") != 0) continue;
    // mov rax, OURS; jmp rax
    unsigned char jump[12] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0};
    int (*ours)(clockid_t, struct timespec *) = shifted_vdso;
    memcpy(jump + 2, &ours, sizeof ours);
    char *function = (char *)(load + symbols[i].st_value);
    // All of it, for the kernel does not split it. It ends with the table of its sections.
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t length = header->e_shoff + (size_t)header->e_shnum * header->e_shentsize;
    length = (length + page - 1) / page * page;
    if (mprotect((void *)base, length, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return;
    memcpy(function, jump, sizeof jump);
    mprotect((void *)base, length, PROT_READ | PROT_EXEC);
    return;
  }
}
#else
static void redirect_vdso(void) {}
#endif

__attribute__((constructor)) static void map_clocks(void) {
  const char *path = getenv("ZWEIMASTER_CLOCK");
  if (!path) return;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void *page = mmap(NULL, sizeof *clocks, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (page == MAP_FAILED) return;
  clocks = page;
  redirect_vdso();
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (result == 0) shift(clock, now);
  return result;
}

// The kernel counts on, so what is to come at a time of our clocks comes that much later there.
int timerfd_settime(int file, int flags, const struct itimerspec *new, struct itimerspec *old) {
  struct itimerspec later = *new;
  int64_t stood = clocks ? atomic_load(&clocks->stood) : 0;
  if (stood && (flags & TFD_TIMER_ABSTIME) && (later.it_value.tv_sec || later.it_value.tv_nsec))
    add(&later.it_value, stood);
  return (int)syscall(SYS_timerfd_settime, file, flags, &later, old);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *end, struct timespec *rest) {
  struct timespec later = *end;
  int64_t stood = clocks ? atomic_load(&clocks->stood) : 0;
  if (stood && (flags & TIMER_ABSTIME)) add(&later, stood);
  return syscall(SYS_clock_nanosleep, clock, flags, &later, rest) == 0 ? 0 : errno;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  int result = clock_gettime(CLOCK_REALTIME, &precise);
  if (result == 0) {
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
  }
  return result;
}

time_t time(time_t *now) {
  struct timespec precise;
  if (clock_gettime(CLOCK_REALTIME, &precise) != 0) return (time_t)-1;
  if (now) *now = precise.tv_sec;
  return precise.tv_sec;
}

// The kernel would wait for the machine's clock. How long a wait takes, a jump may change at any time.
int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict end) {
  static const long step = 10000000;
  for (;;) {
    struct timespec now, next;
    if (sem_trywait(semaphore) == 0) return 0;
    if (errno != EAGAIN) return -1;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec)) {
      errno = ETIMEDOUT;
      return -1;
    }
    long rest = end->tv_sec - now.tv_sec > 1 ? step
                                             : (end->tv_sec - now.tv_sec) * 1000000000L + end->tv_nsec - now.tv_nsec;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &next);
    next.tv_nsec += rest < step ? rest : step;
    if (next.tv_nsec >= 1000000000) {
      next.tv_sec++;
      next.tv_nsec -= 1000000000;
    }
    if (sem_clockwait(semaphore, CLOCK_MONOTONIC, &next) == 0) return 0;
    if (errno != ETIMEDOUT) return -1;
  }
}
