// expect: deleted (function|member function|operator)
// g++ 12: error: use of deleted function 'T* asyncdrop::detail::CoreOwner<Derived, T>::operator->() && [with Derived = asyncdrop::AsyncDropGuard<File>; T = File]'
// The temporary guard would be forgotten at the end of the line.
#include "file.hpp"

int read() {
#ifdef MISTAKE
    return open_file()->read();
#else
    auto file = open_file();
    return file->read();
#endif
}
