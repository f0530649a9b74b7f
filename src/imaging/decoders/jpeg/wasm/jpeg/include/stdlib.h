/* There is no C library: only what libjpeg-turbo's headers want to see. */
#include <stddef.h>
