#pragma once

/// What jemalloc reads when the process begins; a program that is linked with this has jemalloc as its allocator.
/// See docs/internals/decisions/0038-jemalloc.md.
extern const char *malloc_conf;
