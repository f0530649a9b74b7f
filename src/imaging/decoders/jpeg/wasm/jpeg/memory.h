#include <stddef.h>

/* Forgets everything that was taken. */
void begin_heap(void);

/* Memory that is not zeroed, aligned to 16 bytes. */
void *take(size_t size);
