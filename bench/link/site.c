#include "site.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "direction.h"

/* Room for more than any burst that comes while this process does not run. */
enum { DEVICE_PACKETS = 20000 };

static const char DEVICE[] = "link0";

static bool write_file(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    (void)close(fd);
    return written;
}

bool site_permit(int *user_namespace_fd)
{
    *user_namespace_fd = -1;
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (user == 0) return true;
    if (unshare(CLONE_NEWUSER) != 0) return false;
    char map[64];
    (void)snprintf(map, sizeof map, "0 %u 1", user);
    if (!write_file("/proc/self/uid_map", map) || !write_file("/proc/self/setgroups", "deny")) return false;
    (void)snprintf(map, sizeof map, "0 %u 1", group);
    if (!write_file("/proc/self/gid_map", map)) return false;
    *user_namespace_fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    return *user_namespace_fd >= 0;
}

/* ---- the device */

static struct ifreq request_for(const char *device)
{
    struct ifreq request = {.ifr_name = ""};
    (void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
    return request;
}

static bool set_address(int socket_fd, unsigned long call, const char *address)
{
    struct ifreq request = request_for(DEVICE);
    struct sockaddr_in in = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, address, &in.sin_addr) != 1) return false;
    memcpy(&request.ifr_addr, &in, sizeof in);
    return ioctl(socket_fd, call, &request) == 0;
}

static bool bring_up(int socket_fd, const char *device)
{
    struct ifreq request = request_for(device);
    if (ioctl(socket_fd, SIOCGIFFLAGS, &request) != 0) return false;
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP | IFF_RUNNING);
    return ioctl(socket_fd, SIOCSIFFLAGS, &request) == 0;
}

/* No offloads are asked for (IFF_VNET_HDR): what the kernel would leave to a card, it cuts and sums up itself. */
static int open_device(void)
{
    const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -1;
    struct ifreq request = request_for(DEVICE);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (ioctl(fd, TUNSETIFF, &request) == 0) return fd;
    const int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

static const char *configure(int socket_fd, const char *address)
{
    struct ifreq mtu = request_for(DEVICE), queue = request_for(DEVICE);
    mtu.ifr_mtu = DIRECTION_MTU;
    queue.ifr_qlen = DEVICE_PACKETS;
    if (ioctl(socket_fd, SIOCSIFMTU, &mtu) != 0) return "the MTU of a tun device cannot be set";
    if (ioctl(socket_fd, SIOCSIFTXQLEN, &queue) != 0) return "the queue of a tun device cannot be set";
    if (!set_address(socket_fd, SIOCSIFADDR, address) || !set_address(socket_fd, SIOCSIFNETMASK, "255.255.255.0")) {
        return "a tun device can be given no address";
    }
    return bring_up(socket_fd, "lo") && bring_up(socket_fd, DEVICE) ? NULL : "a device cannot be brought up";
}

const char *site_begin(site_t *site, const char *address)
{
    *site = (site_t){.namespace_fd = -1, .tun_fd = -1};
    if (unshare(CLONE_NEWNET) != 0) return "no network namespace can be made";
    site->namespace_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (site->namespace_fd < 0) return "/proc/self/ns/net cannot be opened";
    /* A link that carries what is measured and nothing else: no router solicitations; and a TCP connection does not
     * begin with what another one has learned. These may fail: they are niceties. */
    (void)write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    (void)write_file("/proc/sys/net/ipv4/tcp_no_metrics_save", "1");
    site->tun_fd = open_device();
    if (site->tun_fd < 0) return "/dev/net/tun gives no device";
    const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket_fd < 0) return "no socket in the namespace";
    const char *failed = configure(socket_fd, address);
    const int error = errno;
    (void)close(socket_fd);
    errno = error;
    return failed;
}

void site_end(site_t *site)
{
    if (site->tun_fd >= 0) (void)close(site->tun_fd);
    if (site->namespace_fd >= 0) (void)close(site->namespace_fd);
    *site = (site_t){.namespace_fd = -1, .tun_fd = -1};
}

/* The n-th number (from 0) of the line of a file that begins with `name`; of several such lines, of the last. */
static uint64_t read_number(const char *path, const char *name, unsigned n)
{
    FILE *file = fopen(path, "re");
    char line[1024];
    uint64_t value = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *at = line + strspn(line, " ");
        if (strncmp(at, name, strlen(name)) != 0) continue;
        at += strlen(name);
        for (unsigned i = 0; i <= n; i++) value = strtoull(at, &at, 10);
    }
    if (file != NULL) (void)fclose(file);
    return value;
}

/* /proc/self/net is that of the process' first thread, which we are. */
site_losses_t site_losses(const site_t *site)
{
    enum { DEVICE_SENT_DROPPED = 11, UDP_FULL = 4 };
    if (setns(site->namespace_fd, CLONE_NEWNET) != 0) return (site_losses_t){.device = 0};
    return (site_losses_t){.device = read_number("/proc/self/net/dev", "link0:", DEVICE_SENT_DROPPED),
                           .sockets = read_number("/proc/self/net/snmp", "Udp: ", UDP_FULL)};
}
