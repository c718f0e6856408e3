#include "CAllocator.h"

const char *malloc_conf =
    // What is free goes back to the system within a second, in a thread of jemalloc's own.
    "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,"
    // Large answers follow one another: their pages are kept as others are.
    "oversize_threshold:0";
