// The server only ever sends; a client that does not keep up is cut off. The client reads lines to the end of
// the connection, then waits for the end of the process, which is when the vault's lock is free.
#include "demofs/app/control_socket.hpp"

#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asyncdrop/guard.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

#include "demofs/base/error.hpp"

namespace demofs::app {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

namespace {

// A hash, because abstract names end at 107 bytes and mount points may be longer.
std::string socket_name(const std::string& mount_point) {
    std::array<unsigned char, 16> hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(mount_point.data()),
                       mount_point.size(), nullptr, 0);
    std::array<char, 33> hex{};
    sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
    return std::string("\0demofs-", 8) + hex.data();
}

std::optional<ucred> peer_of(int descriptor) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
    return peer;
}

}  // namespace

struct ControlServer::State {
    State(const std::string& mount_point, const asio::any_io_executor& executor)
        : acceptor(executor), stopped(executor), name(socket_name(mount_point)) {
        stopped.expires_at(asio::steady_timer::time_point::max());
    }

    Local::acceptor acceptor;
    asio::steady_timer stopped;  // cancelled when the accept loop has ended
    std::string name;
    std::vector<Local::socket> clients;
    bool running = false;

    asio::awaitable<void> accept_clients() {
        const auto token = asio::as_tuple(asio::use_awaitable);
        for (;;) {
            auto accepting = acceptor.async_accept(token);
            auto [error, client] = co_await std::move(accepting);
            if (error == asio::error::operation_aborted || !acceptor.is_open()) co_return;
            if (error) {  // out of descriptors, perhaps: not at once again
                asio::steady_timer pause(acceptor.get_executor(), std::chrono::milliseconds(100));
                auto pausing = pause.async_wait(token);
                co_await std::move(pausing);
                continue;
            }
            boost::system::error_code ignored;
            client.set_option(asio::socket_base::send_buffer_size(1 << 20), ignored);
            const auto peer = peer_of(client.native_handle());
            if (!peer || (peer->uid != 0 && peer->uid != ::geteuid())) continue;
            clients.push_back(std::move(client));
        }
    }
};

asyncdrop::AsyncDropBox<ControlServer> ControlServer::make(const std::string& mount_point,
                                                           asio::any_io_executor executor) {
    return asyncdrop::make_box<ControlServer>(mount_point, std::move(executor));
}

ControlServer::ControlServer(asyncdrop::Passkey<ControlServer>, const std::string& mount_point,
                             asio::any_io_executor executor)
    : state_(std::make_unique<State>(mount_point, executor)) {
    boost::system::error_code error;
    state_->acceptor.open(Local(), error);
    if (!error) state_->acceptor.bind(Local::endpoint(state_->name), error);
    if (!error) state_->acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
        throw Error(error.value(),
                    "another demofs daemon serves " + mount_point + ", or its control socket cannot be made");
}

ControlServer::~ControlServer() = default;

void ControlServer::start() {
    State& s = *state_;
    s.running = true;
    asio::co_spawn(s.acceptor.get_executor(), s.accept_clients(), [&s](const std::exception_ptr&) {
        s.running = false;
        s.stopped.cancel();
    });
}

void ControlServer::tell(const std::string& kind, const std::string& text) {
    const std::string line = kind + ' ' + text + '\n';
    std::erase_if(state_->clients, [&line](Local::socket& client) {
        return ::send(client.native_handle(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) !=
               static_cast<ssize_t>(line.size());
    });
}

std::size_t ControlServer::client_count() const {
    return state_->clients.size();
}

asio::awaitable<void> ControlServer::async_drop_impl() {
    State& s = *state_;
    boost::system::error_code ignored;
    s.acceptor.close(ignored);
    const auto token = asio::as_tuple(asio::use_awaitable);
    while (s.running) {
        auto waiting = s.stopped.async_wait(token);
        co_await std::move(waiting);
    }
    s.clients.clear();
}

std::optional<ControlClient> ControlClient::connect(const std::string& mount_point) {
    const std::string name = socket_name(mount_point);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) throw Error(errno, "could not make a socket");
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
        ::close(descriptor);
        return std::nullopt;
    }
    const auto peer = peer_of(descriptor);
    if (!peer || (peer->uid != 0 && peer->uid != ::geteuid() && ::geteuid() != 0)) {
        ::close(descriptor);
        return std::nullopt;
    }
    const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, peer->pid, 0));
    return ControlClient(descriptor, pidfd);
}

ControlClient::ControlClient(ControlClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), pidfd_(std::exchange(other.pidfd_, -1)) {}

ControlClient::~ControlClient() {
    if (socket_ >= 0) ::close(socket_);
    if (pidfd_ >= 0) ::close(pidfd_);
}

std::optional<int> ControlClient::wait(
    const std::function<void(const std::string&, const std::string&)>& show) {
    std::optional<int> result;
    std::string pending;
    std::array<char, 4096> buffer{};
    for (;;) {
        const ssize_t n = ::read(socket_, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        pending.append(buffer.data(), static_cast<std::size_t>(n));
        for (std::size_t end = 0; (end = pending.find('\n')) != std::string::npos;
             pending.erase(0, end + 1)) {
            const std::string line = pending.substr(0, end);
            const std::size_t blank = std::min(line.find(' '), line.size());
            const std::string kind = line.substr(0, blank);
            const std::string text = blank < line.size() ? line.substr(blank + 1) : "";
            if (kind == "result") {
                int code = 0;
                if (std::from_chars(text.data(), text.data() + text.size(), code).ec == std::errc{})
                    result = code;
            } else {
                show(kind, text);
            }
        }
    }
    if (pidfd_ >= 0) {
        pollfd ended{pidfd_, POLLIN, 0};
        while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
        }
    }
    return result;
}

}  // namespace demofs::app
