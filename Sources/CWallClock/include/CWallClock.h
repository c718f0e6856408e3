/// A wall clock that differs from the machine's, for a process that is started with this library in
/// `LD_PRELOAD`. It differs by as many seconds as the first eight bytes of the file say that
/// `ZWEIMASTER_CLOCK` names: a number in the machine's own order, which may change at any time, in place.
///
/// A wait for a semaphore until a time of day ends when that clock gets there. The clocks that count from the
/// machine's start stay as they are, timers too. (libfaketime shifts timers of those clocks as well: with a
/// wall clock that goes back, all timeouts of a program stand still.)
///
/// The next eight bytes say for how many nanoseconds the machine stood still with all its clocks, as one that its
/// hypervisor paused: set them while the process is stopped. Timers that were to ring meanwhile ring early then, as
/// timers may.
///
/// Programs that ask the kernel's shared object (vdso) for the time, as Go's do, are covered on x86-64, if they are
/// linked dynamically: Debian's etcd is.
