/* 64-bit FNV-1a: detects differences and damage, but not deliberate tampering. */
#ifndef CLATTN_HASH_H
#define CLATTN_HASH_H

#include <stddef.h>
#include <stdint.h>

#define CLATTN_HASH_START 0xCBF29CE484222325u

static inline uint64_t clattn_hash_add(uint64_t hash, const void *data, size_t size) {
  const unsigned char *bytes = data;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001B3u;
  return hash;
}

#endif
