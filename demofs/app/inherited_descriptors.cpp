// /proc/self/fd lists what is open.
#include "demofs/app/inherited_descriptors.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace demofs::app {

void occupy_standard_descriptors() {
    int descriptor = 0;
    do {
        descriptor = ::open("/dev/null", O_RDWR);
    } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor > STDERR_FILENO) ::close(descriptor);
}

std::vector<int> open_descriptors() {
    std::vector<int> open;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), &::closedir);
    if (!folder) return open;
    while (const dirent* entry = ::readdir(folder.get())) {
        const int descriptor = std::atoi(entry->d_name);
        if (descriptor > STDERR_FILENO && descriptor != ::dirfd(folder.get())) open.push_back(descriptor);
    }
    return open;
}

}  // namespace demofs::app
