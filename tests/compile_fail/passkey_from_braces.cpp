// expect: (private|could not convert|no matching)
// {} makes no passkey either.
#include "file.hpp"

int run() {
#ifdef MISTAKE
    File file({});
    return file.read();
#else
    auto file = open_file();
    return file->read();
#endif
}
