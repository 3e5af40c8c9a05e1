/* A mutex with a static initialiser. Uses the system's own, because macOS has no <threads.h>. */
#ifndef CLATTN_LOCK_H
#define CLATTN_LOCK_H

#ifdef _WIN32
#include <windows.h>
typedef SRWLOCK clattn_lock;
#define CLATTN_LOCK_INIT SRWLOCK_INIT
static inline void clattn_lock_take(clattn_lock *lock) {
  AcquireSRWLockExclusive(lock);
}
static inline void clattn_lock_give(clattn_lock *lock) {
  ReleaseSRWLockExclusive(lock);
}
#else
#include <pthread.h>
typedef pthread_mutex_t clattn_lock;
#define CLATTN_LOCK_INIT PTHREAD_MUTEX_INITIALIZER
static inline void clattn_lock_take(clattn_lock *lock) {
  pthread_mutex_lock(lock);
}
static inline void clattn_lock_give(clattn_lock *lock) {
  pthread_mutex_unlock(lock);
}
#endif

#endif
