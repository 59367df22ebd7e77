#include "demofs/app/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "demofs/store/file_descriptor.hpp"

namespace demofs::app {

void make_private_file(const std::string& file) noexcept {
    const store::FileDescriptor made(
        ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, S_IRUSR | S_IWUSR));
}

}  // namespace demofs::app
