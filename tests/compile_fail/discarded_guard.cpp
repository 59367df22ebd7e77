// expect: nodiscard
// g++ 12: error: ignoring returned value of type 'asyncdrop::AsyncDropGuard<File>', declared with attribute 'nodiscard': 'a guard must be dropped with async_drop' [-Werror=unused-result]
#include "file.hpp"

asyncdrop::AsyncDropGuard<File> run() {
#ifdef MISTAKE
    open_file();
#endif
    return open_file();
}
