// A message that cannot be sent is dropped: the manager is told less, and the mount goes on.
#include "demofs/app/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "demofs/store/file_descriptor.hpp"

namespace demofs::app {

ServiceManager::ServiceManager() {
    const char* const address = std::getenv("NOTIFY_SOCKET");
    if (address != nullptr && (*address == '/' || *address == '@') &&
        std::strlen(address) < sizeof(sockaddr_un::sun_path))
        address_ = address;
}

void ServiceManager::send(const std::string& message) const {
    if (address_.empty()) return;
    const store::FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, address_.data(), address_.size());
    if (address_.front() == '@') address.sun_path[0] = '\0';
    const std::size_t size =
        offsetof(sockaddr_un, sun_path) + address_.size() + (address_.front() == '/' ? 1 : 0);
    static_cast<void>(::sendto(socket.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                               reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)));
}

void ServiceManager::ready(const std::string& status) {
    send("READY=1\nSTATUS=" + status + "\n");
}

void ServiceManager::stopping(const std::string& status) {
    send("STOPPING=1\nSTATUS=" + status + "\n");
}

void ServiceManager::still_stopping(const std::string& status, std::chrono::seconds extension) {
    const std::chrono::microseconds microseconds = extension;
    send("STATUS=" + status + "\nEXTEND_TIMEOUT_USEC=" + std::to_string(microseconds.count()) + "\n");
}

void ServiceManager::status(const std::string& text) {
    send("STATUS=" + text + "\n");
}

}  // namespace demofs::app
