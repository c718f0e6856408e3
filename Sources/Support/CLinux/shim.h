// Descriptors for signals and timers, which Swift's own module of the C library leaves out.
#include <sys/signalfd.h>
#include <sys/timerfd.h>
