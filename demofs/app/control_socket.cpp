// What the server tells goes to all clients; one that does not keep up is cut off. Each has a coroutine that
// reads its questions. A client reads lines to the end of the connection, then waits for the end of the
// process, which is when the vault's lock is free.
//
// A daemon that was killed leaves its socket behind, to which nobody can connect. Whoever makes a socket
// takes such ones away, under a lock of the folder: between its making and its listening a new one looks the
// same.
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
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <list>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "demofs/app/runtime_folder.hpp"
#include "demofs/base/error.hpp"
#include "demofs/crypto/hex.hpp"
#include "demofs/store/file_descriptor.hpp"

namespace demofs::app {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

namespace {

constexpr std::string_view name_end = ".socket";

// Connected to a socket of the folder; else errno tells why not: ECONNREFUSED if its daemon is dead, EAGAIN
// if it has clients that it has not admitted yet.
store::FileDescriptor connected(const RuntimeFolder& folder, const std::string& name) {
    const std::string path = folder.path_of(name);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
    store::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) throw Error(errno, "could not make a socket");
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const int reason = errno;
        socket.close();
        errno = reason;
    }
    return socket;
}

RuntimeFolder locked_folder() {
    for (;;) {
        RuntimeFolder folder = make_runtime_folder(RuntimePlaces::of(::geteuid()));
        if (folder.lock()) return folder;
    }
}

void remove_dead_sockets(const RuntimeFolder& folder) {
    for (const std::string& name : folder.entries()) {
        if (name.ends_with(name_end) && !connected(folder, name) && errno == ECONNREFUSED)
            ::unlinkat(folder.descriptor(), name.c_str(), 0);
    }
}

std::optional<ucred> peer_of(int descriptor) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
    return peer;
}

}  // namespace

// A hash, because a mount point may be longer than a name.
std::string socket_name(const std::string& mount_point) {
    std::array<unsigned char, 16> hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(mount_point.data()),
                       mount_point.size(), nullptr, 0);
    return crypto::to_hex(std::as_bytes(std::span(hash))) + std::string(name_end);
}

struct ControlServer::State {
    State(const std::string& mount_point, ControlAnswers given, const asio::any_io_executor& executor)
        : folder(locked_folder()),
          acceptor(executor),
          task_ended(executor),
          name(socket_name(mount_point)),
          answers(std::move(given)) {
        task_ended.expires_at(asio::steady_timer::time_point::max());
    }

    RuntimeFolder folder;
    Local::acceptor acceptor;
    asio::steady_timer task_ended;  // never expires; cancelled when a coroutine has ended
    std::string name;
    ControlAnswers answers;
    std::list<Local::socket> clients;  // each until its coroutine ends
    std::size_t tasks = 0;

    void spawn(asio::awaitable<void> task) {
        ++tasks;
        asio::co_spawn(acceptor.get_executor(), std::move(task), [this](const std::exception_ptr&) {
            --tasks;
            task_ended.cancel();
        });
    }

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
            spawn(answer_client(std::prev(clients.end())));
        }
    }

    asio::awaitable<void> answer_client(std::list<Local::socket>::iterator client) {
        const auto token = asio::as_tuple(asio::use_awaitable);
        std::array<char, 256> buffer{};
        std::string pending;
        while (pending.size() < buffer.size()) {
            const asio::mutable_buffer space = asio::buffer(buffer);
            auto reading = client->async_read_some(space, token);
            const auto [error, size] = co_await std::move(reading);
            if (error) break;
            pending.append(buffer.data(), size);
            for (std::size_t end = 0; (end = pending.find('\n')) != std::string::npos;
                 pending.erase(0, end + 1)) {
                if (pending.compare(0, end, "status") == 0)
                    send(*client, "status " + answers.status() + "\n");
                if (pending.compare(0, end, "flush") != 0) continue;
                auto flushing = answers.flush();
                const std::string answer = co_await std::move(flushing);
                send(*client, "flushed " + answer + "\n");
            }
        }
        clients.erase(client);
    }

    // A client that has not room for the line is cut off: its coroutine sees that.
    static void send(Local::socket& client, const std::string& line) {
        boost::system::error_code ignored;
        if (::send(client.native_handle(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) !=
            static_cast<ssize_t>(line.size()))
            client.shutdown(Local::socket::shutdown_both, ignored);
    }
};

asyncdrop::AsyncDropBox<ControlServer> ControlServer::make(const std::string& mount_point,
                                                           ControlAnswers answers,
                                                           asio::any_io_executor executor) {
    return asyncdrop::make_box<ControlServer>(mount_point, std::move(answers), std::move(executor));
}

ControlServer::ControlServer(asyncdrop::Passkey<ControlServer>, const std::string& mount_point,
                             ControlAnswers answers, asio::any_io_executor executor)
    : state_(std::make_unique<State>(mount_point, std::move(answers), executor)) {
    State& s = *state_;
    remove_dead_sockets(s.folder);
    boost::system::error_code error;
    s.acceptor.open(Local(), error);
    if (!error) s.acceptor.bind(Local::endpoint(s.folder.path_of(s.name)), error);
    if (!error) s.acceptor.listen(asio::socket_base::max_listen_connections, error);
    s.folder.unlock();
    if (error)
        throw Error(error.value(),
                    "another demofs daemon serves " + mount_point + ", or its control socket cannot be made");
}

ControlServer::~ControlServer() = default;

void ControlServer::start() {
    state_->spawn(state_->accept_clients());
}

void ControlServer::tell(const std::string& kind, const std::string& text) {
    const std::string line = kind + ' ' + text + '\n';
    for (Local::socket& client : state_->clients) State::send(client, line);
}

std::size_t ControlServer::client_count() const {
    return state_->clients.size();
}

// A name that cannot be removed now is taken away by the next daemon, as one that a killed daemon has left.
void ControlServer::remove_name() const {
    const State& s = *state_;
    try {
        if (s.folder.lock()) {
            ::unlinkat(s.folder.descriptor(), s.name.c_str(), 0);
            s.folder.remove_if_empty();
        }
    } catch (const Error&) {
        return;
    }
    s.folder.unlock();
}

asio::awaitable<void> ControlServer::async_drop_impl() {
    State& s = *state_;
    remove_name();
    boost::system::error_code ignored;
    s.acceptor.close(ignored);
    for (Local::socket& client : s.clients) client.cancel(ignored);
    const auto token = asio::as_tuple(asio::use_awaitable);
    while (s.tasks != 0) {
        auto waiting = s.task_ended.async_wait(token);
        co_await std::move(waiting);
    }
}

std::optional<ControlClient> ControlClient::connect_to(const RuntimeFolder& folder, const std::string& name) {
    store::FileDescriptor socket = connected(folder, name);
    const auto peer = socket ? peer_of(socket.get()) : std::nullopt;
    if (!peer || (peer->uid != 0 && peer->uid != ::geteuid() && ::geteuid() != 0)) return std::nullopt;
    const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, peer->pid, 0));
    return ControlClient(socket.release(), pidfd);
}

std::optional<ControlClient> ControlClient::connect(const std::string& mount_point,
                                                    std::optional<uid_t> owner) {
    for (const RuntimeFolder& folder : runtime_folders(RuntimePlaces::of(owner.value_or(::geteuid())))) {
        if (auto client = connect_to(folder, socket_name(mount_point))) return client;
    }
    return std::nullopt;
}

std::vector<ControlClient> ControlClient::connect_all(std::optional<uid_t> owner) {
    std::vector<ControlClient> clients;
    for (const RuntimeFolder& folder : runtime_folders(RuntimePlaces::of(owner.value_or(::geteuid())))) {
        for (const std::string& name : folder.entries()) {
            if (!name.ends_with(name_end)) continue;
            if (auto client = connect_to(folder, name)) clients.push_back(std::move(*client));
        }
    }
    return clients;
}

ControlClient::ControlClient(ControlClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      pending_(std::move(other.pending_)),
      over_(other.over_) {}

ControlClient& ControlClient::operator=(ControlClient&& other) noexcept {
    std::swap(socket_, other.socket_);
    std::swap(pidfd_, other.pidfd_);
    std::swap(pending_, other.pending_);
    std::swap(over_, other.over_);
    return *this;
}

ControlClient::~ControlClient() {
    if (socket_ >= 0) ::close(socket_);
    if (pidfd_ >= 0) ::close(pidfd_);
}

namespace {

// Whether there is something to read before `deadline`.
bool readable(int descriptor, ControlClient::Clock::time_point deadline) {
    using std::chrono::milliseconds;
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(deadline - ControlClient::Clock::now());
        const auto wait_ms = std::clamp<milliseconds::rep>(left.count(), 0, 60'000);
        pollfd input{descriptor, POLLIN, 0};
        const int ready = ::poll(&input, 1, static_cast<int>(wait_ms));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
        if (left.count() <= 0) return false;
    }
}

}  // namespace

std::optional<ControlMessage> ControlClient::next(Clock::time_point deadline) {
    for (;;) {
        if (const std::size_t end = pending_.find('\n'); end != std::string::npos) {
            const std::string line = pending_.substr(0, end);
            pending_.erase(0, end + 1);
            const std::size_t blank = std::min(line.find(' '), line.size());
            return ControlMessage{line.substr(0, blank), blank < line.size() ? line.substr(blank + 1) : ""};
        }
        if (over_ || !readable(socket_, deadline)) return std::nullopt;
        std::array<char, 4096> buffer{};
        const ssize_t n = ::read(socket_, buffer.data(), buffer.size());
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n <= 0) over_ = true;
        if (n > 0) pending_.append(buffer.data(), static_cast<std::size_t>(n));
    }
}

void ControlClient::ask(const std::string& request) {
    const std::string line = request + '\n';
    if (::send(socket_, line.data(), line.size(), MSG_NOSIGNAL) < 0) over_ = true;
}

bool ControlClient::wait_for_end(Clock::time_point deadline) {
    return pidfd_ < 0 || readable(pidfd_, deadline);
}

}  // namespace demofs::app
