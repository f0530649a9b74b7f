/*
 * Memory: a heap that only grows while a picture is decoded and begins anew for the next one, and the two functions of string.h
 * that are used. In V8 the instructions memory.fill and memory.copy are calls; for the few hundred bytes of a block's coefficients
 * these loops are quicker.
 */
#include <stddef.h>
#include <stdint.h>
#include <wasm_simd128.h>

#include "memory.h"

#define PAGE 65536
#define ALIGNMENT 16

extern unsigned char __heap_base;
static uintptr_t next;

void begin_heap(void) { next = ((uintptr_t)&__heap_base + ALIGNMENT - 1) & -ALIGNMENT; }

/* Traps where the memory may not grow any more. */
void *take(size_t size) {
  uintptr_t at = next;
  size_t room = __builtin_wasm_memory_size(0) * (size_t)PAGE - at;
  size = (size + ALIGNMENT - 1) & -ALIGNMENT;
  if (size > room && __builtin_wasm_memory_grow(0, (size - room + PAGE - 1) / PAGE) == (size_t)-1) __builtin_trap();
  next = at + size;
  return (void *)at;
}

void *memset(void *to, int value, size_t size) {
  unsigned char *at = to, *end = at + size;
  v128_t many = wasm_u8x16_splat(value);
  for (; end - at >= 16; at += 16) wasm_v128_store(at, many);
  while (at < end) *at++ = value;
  return to;
}

void *memcpy(void *to, const void *from, size_t size) {
  unsigned char *at = to, *end = at + size;
  const unsigned char *source = from;
  for (; end - at >= 16; at += 16, source += 16) wasm_v128_store(at, wasm_v128_load(source));
  while (at < end) *at++ = *source++;
  return to;
}
