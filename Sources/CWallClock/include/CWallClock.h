/// A wall clock that differs from the machine's, for a process that is started with this library in
/// `LD_PRELOAD`. It differs by as many seconds as the first eight bytes of the file say that
/// `ZWEIMASTER_CLOCK` names: a number in the machine's own order, which may change at any time, in place.
///
/// A wait for a semaphore until a time of day ends when that clock gets there. The clocks that count from the
/// machine's start stay as they are, timers too. (libfaketime shifts timers of those clocks as well: with a
/// wall clock that goes back, all timeouts of a program stand still.)
