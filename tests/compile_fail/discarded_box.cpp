// expect: nodiscard
#include "file.hpp"

asyncdrop::AsyncDropBox<File> run() {
#ifdef MISTAKE
    asyncdrop::make_box<File>();
#endif
    return asyncdrop::make_box<File>();
}
