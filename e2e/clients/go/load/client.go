package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/metrics"
)

// clientCounts is what clients did by themselves.
type clientCounts struct {
	lock        sync.Mutex
	connections int
	refused     int
	retries     map[string]int
}

// dial makes a client's connections. A dialer of its own gives each client connections of its own, as client-go
// shares those of clients that are configured alike.
func (c *clientCounts) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext(ctx, network, address)
	c.lock.Lock()
	defer c.lock.Unlock()
	if err != nil {
		c.refused++
	} else {
		c.connections++
	}
	return conn, err
}

// IncrementRetry is called by client-go for each request that it sends again.
func (c *clientCounts) IncrementRetry(_ context.Context, code, method, _ string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.retries[method+", then "+code]++
}

func (c *clientCounts) register() {
	c.retries = map[string]int{}
	metrics.Register(metrics.RegisterOpts{RequestRetry: c})
}

func (c *clientCounts) tell(report *report) {
	c.lock.Lock()
	defer c.lock.Unlock()
	report.Connections = connections{Made: c.connections, Failed: c.refused}
	report.Retries = map[string]int{}
	for what, count := range c.retries {
		report.Retries[what] = count
	}
}

// newClient is a client of the kubeconfig's server, or of the one at host.
func newClient(kubeconfig, host string, protobuf bool, counts *clientCounts) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	if host != "" {
		config.Host = host
	}
	if err := onLoopback(config.Host); err != nil {
		return nil, err
	}
	config.QPS = -1
	config.UserAgent = "keelson-load"
	config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		return counts.dial(ctx, network, address)
	}
	if protobuf {
		config.ContentType = "application/vnd.kubernetes.protobuf"
		config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	}
	return kubernetes.NewForConfig(config)
}

// prepare makes the namespaces, and in each what pods need.
func prepare(ctx context.Context, client kubernetes.Interface, id string, count int) ([]string, error) {
	var names []string
	for i := range count {
		name := fmt.Sprintf("%s-%d", id, i)
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
			return nil, err
		}
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
		_, err := client.CoreV1().ServiceAccounts(name).Create(ctx, account, metav1.CreateOptions{})
		// Where a controller manager runs it may have made it.
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// hosts are the URLs of a list by comma.
func hosts(list string) ([]string, error) {
	var found []string
	for _, one := range splitList(list) {
		if _, err := url.Parse(one); err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}
