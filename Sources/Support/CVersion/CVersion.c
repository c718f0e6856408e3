#include "CVersion.h"

const char *zweimaster_commit(void) { return ZWEIMASTER_COMMIT; }
