// libcrypt's functions, which Swift's own module of the C library leaves out.
#include <crypt.h>
