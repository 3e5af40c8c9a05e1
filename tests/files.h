/* File helpers for tests: makes folders and writes files byte by byte. */
#ifndef CLATTN_TESTS_FILES_H
#define CLATTN_TESTS_FILES_H

#include <stdbool.h>
#include <stddef.h>

int files_make_folder(const char *path); /* returns 0 on success */
void files_remove_folder(const char *path);
bool files_exist(const char *path);

/* Fails the test if the file cannot be written. */
void files_write(const char *path, const void *bytes, size_t size);

#endif
