// expect: deleted (function|constructor)
// g++ 12: error: use of deleted function 'asyncdrop::AsyncDropGuard<T>::AsyncDropGuard(const asyncdrop::AsyncDropGuard<T>&) [with T = File]'
// A guard has one owner; AsyncDropArc shares.
#include "file.hpp"

void take(asyncdrop::AsyncDropGuard<File>& guard) {
#ifdef MISTAKE
    asyncdrop::AsyncDropGuard<File> copy = guard;
#else
    asyncdrop::AsyncDropGuard<File> copy = std::move(guard);
#endif
    guard = std::move(copy);
}
