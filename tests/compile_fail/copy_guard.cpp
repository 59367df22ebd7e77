// expect: deleted (function|constructor)
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
