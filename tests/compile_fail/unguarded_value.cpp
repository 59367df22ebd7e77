// expect: (private|no matching|inaccessible|no default|calling a private)
// g++ 12: error: 'constexpr asyncdrop::Passkey<T>::Passkey() [with T = File]' is private within this context
// A type with a passkey constructor cannot be made outside a guard.
#include "file.hpp"

int run() {
#ifdef MISTAKE
    File file{asyncdrop::Passkey<File>()};
    return file.read();
#else
    auto file = open_file();
    return file->read();
#endif
}
