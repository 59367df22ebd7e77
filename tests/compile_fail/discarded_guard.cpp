// expect: nodiscard
#include "file.hpp"

asyncdrop::AsyncDropGuard<File> run() {
#ifdef MISTAKE
    open_file();
#endif
    return open_file();
}
