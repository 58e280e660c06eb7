package testenv

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// clusterMasters is the number of masters of a [Cluster], the least of which a
// majority is left when one is lost. Each has a replica.
const clusterMasters = 3

// Cluster is a Redis Cluster of three masters with a replica each, which notices
// that a master is lost after two seconds.
type Cluster struct {
	// URL names all nodes.
	URL string
	// Nodes are the first masters and then their replicas.
	Nodes []*Server
}

// RedisCluster starts a Redis Cluster that only this test uses. The arguments are
// those of each redis-server.
func RedisCluster(t testing.TB, args ...string) *Cluster {
	t.Helper()
	c, err := OpenRedisCluster(t.TempDir(), args...)
	started(t, c, err)
	t.Cleanup(func() {
		if err := c.Kill(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// OpenRedisCluster is [RedisCluster] without a test: the caller chooses the
// directory, which must exist, and stops the cluster with Kill.
func OpenRedisCluster(dir string, args ...string) (_ *Cluster, err error) {
	c := &Cluster{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Kill())
		}
	}()
	buses, err := c.start(dir, args)
	if err != nil {
		return nil, err
	}
	if err := c.form(buses); err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "redis", Host: c.Nodes[0].Addr}
	query := url.Values{}
	for _, node := range c.Nodes[1:] {
		query.Add("addr", node.Addr)
	}
	u.RawQuery = query.Encode()
	c.URL = u.String()
	return c, nil
}

// start starts the nodes, and returns the ports at which they talk to each other.
func (c *Cluster) start(dir string, args []string) (buses []string, err error) {
	const n = 2 * clusterMasters
	nodes, errs := make([]*Server, n), make([]error, n)
	buses = make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { nodes[i], buses[i], errs[i] = openNode(filepath.Join(dir, strconv.Itoa(i)), args) })
	}
	all.Wait()
	for _, node := range nodes {
		if node != nil {
			c.Nodes = append(c.Nodes, node)
		}
	}
	return buses, errors.Join(errs...)
}

// openNode starts a node. Another process may take the port of its bus first.
func openNode(dir string, args []string) (node *Server, bus string, err error) {
	var errs []error
	for try := range 5 {
		addr, err := freeAddr()
		if err != nil {
			return nil, "", err
		}
		if _, bus, err = net.SplitHostPort(addr); err != nil {
			return nil, "", err
		}
		at := filepath.Join(dir, strconv.Itoa(try))
		if err := os.MkdirAll(at, 0o700); err != nil {
			return nil, "", err
		}
		node, err = OpenRedis(at, append([]string{
			"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0",
		}, args...)...)
		if err == nil || errors.Is(err, ErrMissing) {
			return node, bus, err
		}
		errs = append(errs, err)
	}
	return nil, "", errors.Join(errs...)
}

// form makes the nodes a cluster.
func (c *Cluster) form(buses []string) error {
	const slots = 16384
	for i, node := range c.Nodes[:clusterMasters] {
		if err := node.do(
			fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1),
			fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", i*slots/clusterMasters, (i+1)*slots/clusterMasters-1),
		); err != nil {
			return err
		}
	}
	for i, node := range c.Nodes[1:] {
		host, port, err := net.SplitHostPort(node.Addr)
		if err != nil {
			return err
		}
		if err := c.Nodes[0].do("CLUSTER MEET " + host + " " + port + " " + buses[i+1]); err != nil {
			return err
		}
	}
	if err := c.await("CLUSTER INFO", map[string]string{"cluster_known_nodes": strconv.Itoa(len(c.Nodes))}, c.Nodes); err != nil {
		return err
	}
	for i, node := range c.Nodes[clusterMasters:] {
		id, err := redisDo(c.Nodes[i].Addr, "CLUSTER MYID")
		if err != nil {
			return err
		}
		if err := node.do("CLUSTER REPLICATE " + id); err != nil {
			return err
		}
	}
	return errors.Join(
		c.await("INFO replication", map[string]string{"master_link_status": "up"}, c.Nodes[clusterMasters:]),
		c.await("CLUSTER INFO", map[string]string{"cluster_state": "ok", "cluster_size": strconv.Itoa(clusterMasters)}, c.Nodes),
	)
}

// do sends commands whose answer is OK.
func (s *Server) do(commands ...string) error {
	for _, command := range commands {
		if answer, err := redisDo(s.Addr, command); err != nil || answer != "OK" {
			return fmt.Errorf("testenv: %s: %q: %w", command, answer, errors.Join(err, errDown))
		}
	}
	return nil
}

// await waits until fields of the answer of all nodes to a command are as wanted.
func (c *Cluster) await(command string, want map[string]string, nodes []*Server) error {
	deadline := time.Now().Add(patience)
	for _, node := range nodes {
		for {
			info, err := redisDo(node.Addr, command)
			if err == nil && matches(info, want) {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("testenv: the cluster does not form: %s of %s: %q: %w", command, node.Addr, info, errors.Join(err, errDown))
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	return nil
}

func matches(info string, want map[string]string) bool {
	for name, value := range want {
		if redisField(info, name) != value {
			return false
		}
	}
	return true
}

// Master returns the node that has the slot of a key, as the nodes that are up
// know it.
func (c *Cluster) Master(key string) (*Server, error) {
	var errs []error
	for _, node := range c.Nodes {
		// A node without the slot answers MOVED, with the slot and the address.
		_, err := redisDo(node.Addr, "TYPE "+key)
		if err == nil {
			return node, nil
		}
		errs = append(errs, err)
		for _, other := range c.Nodes {
			if strings.Contains(err.Error(), "MOVED ") && strings.Contains(err.Error(), " "+other.Addr) {
				return other, nil
			}
		}
	}
	return nil, errors.Join(errs...)
}

// Kill kills all nodes.
func (c *Cluster) Kill() error {
	var errs []error
	for _, node := range c.Nodes {
		errs = append(errs, node.Kill())
	}
	return errors.Join(errs...)
}
