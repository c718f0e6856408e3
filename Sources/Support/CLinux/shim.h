// Descriptors for signals, timers and wake-ups, which Swift's own module of the C library leaves out.
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
