// The loop that reads /dev/fuse, and how it begins and ends.
//
// A request wakes the loop through Asio's reactor; while requests follow each other closely, the loop reads
// on without it (linger.hpp). Whatever a request cannot do inline is a coroutine of its own, counted in
// `in_flight`: the drop waits for that count, then closes the connection.
//
// The kernel is asked for its pages on a thread of `kernel_calls`, since the answer comes as requests to this
// loop. While it is being asked the loop goes on, also when it is to stop.
#include "demofs/fuse/session.hpp"

#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <poll.h>
#include <unistd.h>

#include <asyncdrop/even_if_cancelled.hpp>
#include <asyncdrop/guard.hpp>
#include <asyncdrop/task.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "demofs/base/bytes.hpp"
#include "demofs/base/error.hpp"
#include "demofs/base/wait_queue.hpp"
#include "demofs/fuse/callbacks.hpp"
#include "demofs/fuse/dispatcher.hpp"
#include "demofs/fuse/kernel_settings.hpp"
#include "demofs/fuse/linger.hpp"
#include "demofs/fuse/turn.hpp"

namespace demofs::fuse {

namespace asio = boost::asio;

namespace {

// How often a session that stops asks for pages of programs that go on writing.
constexpr int last_collections = 5;
// How long to look for the next request before sleeping. With one processor, the program that would send it
// could not run meanwhile.
const std::chrono::microseconds linger_time{std::thread::hardware_concurrency() > 1 ? 60 : 0};

const fuse_lowlevel_ops& callbacks() {
    static const fuse_lowlevel_ops table = [] {
        fuse_lowlevel_ops ops{};
        add_inode_operations(ops);
        add_directory_operations(ops);
        add_file_operations(ops);
        return ops;
    }();
    return table;
}

// libfuse logs through one function of the whole process; what it says while a session mounts is that
// session's.
class LibfuseLog {
  public:
    static LibfuseLog& instance() {
        static LibfuseLog log;
        return log;
    }
    void direct_to(std::function<void(const std::string&)> sink) {
        const std::lock_guard lock(mutex_);
        sink_ = std::move(sink);
        last_.clear();
        fuse_set_log_func(receive);
    }
    std::string last() {
        const std::lock_guard lock(mutex_);
        return last_;
    }

  private:
    static void receive(fuse_log_level, const char* format, va_list arguments) {
        char text[512];
        std::vsnprintf(text, sizeof text, format, arguments);
        std::string line(text);
        while (!line.empty() && line.back() == '\n') line.pop_back();
        LibfuseLog& log = instance();
        const std::lock_guard lock(log.mutex_);
        log.last_ = line;
        if (log.sink_) log.sink_(line);
    }

    std::mutex mutex_;
    std::function<void(const std::string&)> sink_;
    std::string last_;
};

// libfuse splits options at commas; a comma or backslash in a value is written with a backslash.
std::string escaped(const std::string& value) {
    std::string out;
    for (const char c : value) {
        if (c == ',' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

// libfuse's descriptor of /dev/fuse, as long as it is that.
struct Connection {
    int descriptor = -1;

    bool alive() const {
        pollfd state{descriptor, 0, 0};
        return descriptor >= 0 && ::poll(&state, 1, 0) == 0;  // else POLLERR: the kernel has given it up
    }

    // It becomes one that says that the connection is gone: the end of a pipe whose reader is closed.
    void close() {
        if (descriptor < 0) return;
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(errno, "could not make a pipe");
        ::close(ends[0]);
        ::dup3(ends[1], std::exchange(descriptor, -1), O_CLOEXEC);
        ::close(ends[1]);
    }
};

}  // namespace

struct Session::State {
    State(SessionSettings s, fs::Filesystem& filesystem, WorkerPool& calls,
          const asio::any_io_executor& executor)
        : settings(std::move(s)),
          kernel_calls(calls),
          dispatcher{filesystem, executor, settings.log, {}, {}, {}, {}, {}},
          device(executor),
          drained(executor) {
        dispatcher.on_ready = settings.on_ready;
    }

    // Whether run() goes on: while the kernel is being asked for pages, it has to be answered.
    bool serving() const { return !stopping || collections != 0; }

    asio::awaitable<void> collect(std::vector<InodeNumber> inodes);
    asio::awaitable<void> collect_regularly(asyncdrop::TaskControl& control);
    void close_connection();

    SessionSettings settings;
    WorkerPool& kernel_calls;
    Dispatcher dispatcher;
    fuse_session* session = nullptr;
    std::shared_ptr<Connection> connection = std::make_shared<Connection>();
    asio::posix::stream_descriptor device;  // a view of libfuse's descriptor: released, never closed here
    asio::steady_timer drained;             // never expires; cancelled when nothing is in flight any more
    asyncdrop::AsyncDropGuard<asyncdrop::AsyncDropTask> collector;  // empty on a read-only mount
    std::optional<Mount> mount;
    std::vector<InodeNumber> cut_off;
    int collections = 0;  // under way
    int stops = 0;        // calls of stop() under way
    WaitQueue stop_ended;
    bool stopping = false;
};

// Asks the kernel to let go of what it has of these files, which makes it write back what is dirty first.
asio::awaitable<void> Session::State::collect(std::vector<InodeNumber> inodes) {
    if (stopping) co_return;  // nobody would answer
    dispatcher.writers.asked();
    auto ask = [this, inodes = std::move(inodes)] {
        for (const InodeNumber inode : inodes) fuse_lowlevel_notify_inval_inode(session, raw(inode), 0, 0);
    };
    ++collections;
    std::exception_ptr failed;
    try {
        auto asking = kernel_calls.run(std::move(ask));
        co_await std::move(asking);
    } catch (...) {
        failed = std::current_exception();
    }
    --collections;
    boost::system::error_code ignored;
    if (!serving() && device.is_open()) device.cancel(ignored);
    if (failed) std::rethrow_exception(failed);
}

asio::awaitable<void> Session::State::collect_regularly(asyncdrop::TaskControl& control) {
    while (!control.stopping()) {
        co_await control.wait_for(settings.collect_interval);
        if (control.stopping()) break;
        std::vector<InodeNumber> active = dispatcher.writers.active_files();
        if (active.empty()) continue;
        auto collecting = collect(std::move(active));
        co_await std::move(collecting);
    }
}

// libfuse would unmount by path, which may lead to somebody else's mount by now (mount.hpp). It does nothing
// if its descriptor says that the connection is gone.
void Session::State::close_connection() {
    connection->close();
    fuse_session_unmount(session);
}

asyncdrop::AsyncDropBox<Session> Session::make(SessionSettings settings, fs::Filesystem& filesystem,
                                               WorkerPool& kernel_calls, asio::any_io_executor executor) {
    return asyncdrop::make_box<Session>(std::move(settings), filesystem, kernel_calls, std::move(executor));
}

Session::Session(asyncdrop::Passkey<Session>, SessionSettings settings, fs::Filesystem& filesystem,
                 WorkerPool& kernel_calls, asio::any_io_executor executor)
    : state_(std::make_unique<State>(std::move(settings), filesystem, kernel_calls, executor)) {}

Session::~Session() = default;

void Session::mount() {
    State& s = *state_;
    LibfuseLog::instance().direct_to(s.settings.log);
    std::vector<std::string> words{
        "demofs", "-o",
        "default_permissions,subtype=demofs,max_read=" + std::to_string(max_request_bytes) +
            ",fsname=" + escaped(s.settings.source) + (s.settings.allow_other ? ",allow_other" : "") +
            (s.settings.noexec ? ",noexec" : "") + (s.settings.read_only ? ",ro" : "")};
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    fuse_args arguments = FUSE_ARGS_INIT(static_cast<int>(pointers.size()), pointers.data());
    s.session = fuse_session_new(&arguments, &callbacks(), sizeof(fuse_lowlevel_ops), &s.dispatcher);
    fuse_opt_free_args(&arguments);
    if (!s.session)
        throw Error(std::errc::invalid_argument,
                    "libfuse refused the mount options: " + LibfuseLog::instance().last());
    if (fuse_session_mount(s.session, s.settings.mount_point.c_str()) != 0) {
        const std::string said = LibfuseLog::instance().last();
        throw Error(std::errc::operation_not_permitted,
                    "could not mount on " + s.settings.mount_point + (said.empty() ? "" : " (" + said + ")") +
                        "; is the fuse3 package installed, and may this user mount here?" +
                        (s.settings.allow_other && ::geteuid() != 0
                             ? " --allow-other needs user_allow_other in /etc/fuse.conf."
                             : ""));
    }
    s.connection->descriptor = fuse_session_fd(s.session);
    fuse_custom_io through_us{};
    through_us.writev = [](int device, iovec* pieces, int count, void* userdata) {
        auto& dispatcher = *static_cast<Dispatcher*>(userdata);
        dispatcher.init_answer.mend(std::span(pieces, static_cast<std::size_t>(count)));
        return ::writev(device, pieces, count);
    };
    through_us.read = [](int device, void* space, std::size_t size, void*) {
        return ::read(device, space, size);  // asked for by libfuse, not used by run()
    };
    if (fuse_session_custom_io(s.session, &through_us, s.connection->descriptor) != 0)
        throw Error(std::errc::not_supported, "libfuse refused to let demofs write its answers");
    s.device.assign(s.connection->descriptor);
    s.device.non_blocking(true);
    // Through /dev/fuse, and answered by the kernel at once: only pages would have to be waited for.
    s.dispatcher.forget_attributes = [session = s.session](InodeNumber inode) {
        constexpr off_t no_pages = -1;
        fuse_lowlevel_notify_inval_inode(session, raw(inode), no_pages, 0);
    };
    s.mount = mounted_on(s.settings.mount_point);
    if (!s.mount || s.mount->type != "fuse.demofs") {
        s.mount.reset();
        throw Error::saying(std::errc::no_such_device, "the new mount on " + s.settings.mount_point +
                                                           " is gone again, or something is mounted over it");
    }
    if (s.settings.read_only) return;
    s.collector = asyncdrop::AsyncDropTask::start(
        s.dispatcher.executor, "collector",
        [&s](asyncdrop::TaskControl& control) { return s.collect_regularly(control); });
}

const Mount& Session::mounted() const {
    return *state_->mount;
}

std::function<void()> Session::cutter() const {
    return [connection = state_->connection, ours = *state_->mount, log = state_->settings.log] {
        if (connection->alive()) abort_connection(ours);
        try {
            connection->close();
            unmount(ours, UnmountMode::force);
        } catch (...) {
            log("A dead mount is left behind: " + describe(std::current_exception()));
        }
    };
}

asio::awaitable<void> Session::run() {
    State& s = *state_;
    ByteBuffer buffer(max_request_bytes + request_header_bytes);
    Linger linger(linger_time);
    const auto serve_one = [&s, &buffer, &linger](std::size_t size) {
        if (s.dispatcher.requests++ == 0) s.dispatcher.init_answer.requested(buffer.span().first(size));
        fuse_buf request{};
        request.mem = buffer.data();
        request.size = size;
        fuse_session_process_buf(s.session, &request);
        // After a read, leave the processor to the workers: they may be decrypting the part of the
        // file that is read ahead.
        if (reinterpret_cast<const fuse_in_header*>(buffer.data())->opcode == FUSE_READ) {
            linger.rest();
        } else {
            linger.answered(Linger::Clock::now());
        }
    };
    // What a failed read means: try again, or the end.
    bool aborted = false;
    const auto ended = [&aborted](int error) {
        if (error == ENOENT || error == EINTR || error == EAGAIN) return false;
        aborted = error == ECONNABORTED;
        if (error == ENODEV || aborted) return true;
        throw Error(error, "reading requests from /dev/fuse failed");
    };
    const auto token = asio::as_tuple(asio::use_awaitable);
    while (s.serving()) {
        const auto space = asio::buffer(buffer.data(), buffer.size());
        auto reading = s.device.async_read_some(space, token);
        const auto [error, size] = co_await std::move(reading);
        if (error == asio::error::operation_aborted) continue;  // stop(), perhaps
        if (error) {
            if (ended(error.value())) break;
            continue;
        }
        linger.woken(Linger::Clock::now());
        serve_one(size);
        // The kernel often has more: read on without going through the reactor, but let others have a turn.
        Turn turn;
        turn.served(size);
        bool over = false;
        while (!turn.over() && s.serving()) {
            const ssize_t more = ::read(s.device.native_handle(), buffer.data(), buffer.size());
            if (more >= 0) {
                serve_one(static_cast<std::size_t>(more));
                turn.served(static_cast<std::size_t>(more));
            } else if (errno != EAGAIN) {
                over = ended(errno);
                break;
            } else if (s.dispatcher.in_flight != 0 || !linger.look_again(Linger::Clock::now())) {
                break;  // the coroutines of requests in flight must run
            }
        }
        if (over) break;
    }
    const bool unmounted = !s.stopping && !aborted && !find_again(*s.mount);
    s.cut_off = s.dispatcher.writers.cut_off(unmounted);
}

asio::awaitable<void> Session::take_over() {
    return state_->collect(state_->dispatcher.writers.files());
}

asio::awaitable<void> Session::stop() {
    State& s = *state_;
    ++s.stops;
    std::exception_ptr failed;
    // Programs may go on writing into the files meanwhile: again, until nothing comes.
    std::vector<InodeNumber> inodes = s.dispatcher.writers.files();
    for (int round = 0; round < last_collections && !inodes.empty() && !s.stopping && !failed; ++round) {
        try {
            auto collecting = s.collect(std::move(inodes));
            co_await std::move(collecting);
        } catch (...) {
            failed = std::current_exception();
        }
        inodes = s.dispatcher.writers.active_files();
    }
    s.stopping = true;
    boost::system::error_code ignored;
    if (!s.serving() && s.device.is_open()) s.device.cancel(ignored);
    --s.stops;
    s.stop_ended.wake_all();
    if (failed) std::rethrow_exception(failed);
}

const std::vector<InodeNumber>& Session::cut_off() const {
    return state_->cut_off;
}

std::uint64_t Session::requests() const {
    return state_->dispatcher.requests;
}
std::uint64_t Session::in_flight() const {
    return state_->dispatcher.in_flight;
}

asio::awaitable<void> Session::async_drop_impl() {
    State& s = *state_;
    // What runs beside run() first. The kernel does not keep it waiting: the connection is gone, or it was
    // served to the end.
    std::exception_ptr failed;
    try {
        co_await s.collector.async_drop();
    } catch (...) {
        failed = std::current_exception();
    }
    co_await asyncdrop::even_if_cancelled;
    while (s.stops != 0) co_await s.stop_ended.wait();
    // Then the requests that were read: each still gets its answer.
    const auto token = asio::as_tuple(asio::use_awaitable);
    s.dispatcher.on_idle = [&s] { s.drained.cancel(); };
    while (s.dispatcher.in_flight != 0) {
        s.drained.expires_at(asio::steady_timer::time_point::max());
        auto idle = s.drained.async_wait(token);
        co_await std::move(idle);
    }
    // Then the connection, and the mount, if it is still there.
    if (s.device.is_open()) {
        s.device.release();
        s.close_connection();
    }
    if (s.session) fuse_session_destroy(s.session);
    s.session = nullptr;
    s.dispatcher.filesystem.forget_all();
    if (s.mount) {
        try {
            auto detach = [ours = *s.mount] { unmount(ours, UnmountMode::lazy); };
            auto detaching = s.kernel_calls.run(std::move(detach));
            co_await std::move(detaching);
        } catch (...) {  // nothing is lost by it: the next mount there takes a dead one away
            s.settings.log("A dead mount is left behind: " + describe(std::current_exception()));
        }
    }
    if (failed) std::rethrow_exception(failed);
}

}  // namespace demofs::fuse
