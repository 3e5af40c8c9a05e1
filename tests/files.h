/* What the tests of files share: folders, and files written byte by byte. */
#ifndef CLATTN_TESTS_FILES_H
#define CLATTN_TESTS_FILES_H

#include <stdbool.h>
#include <stddef.h>

int files_make_folder(const char *path); /* 0: made */
void files_remove_folder(const char *path);
bool files_exist(const char *path);

/* Fails the test if that does not work. */
void files_write(const char *path, const void *bytes, size_t size);

#endif
