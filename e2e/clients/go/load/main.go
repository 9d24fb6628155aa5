// Command load sends mixed requests to a Kubernetes API server at a set rate, by client-go, and tells what became
// of each of them.
//
// Workers write objects that nobody else touches and keep a ledger of what was acknowledged; reads on the way, and
// everything that is stored in the end, are held to it. Informers and plain watches follow the objects meanwhile.
// A request has failed where client-go returns an error. What client-go does by itself is counted apart: it sends
// a request again that the server says it has not processed (GOAWAY, REFUSED_STREAM), that was answered with
// Retry-After (429 and 5xx), and, for GET, that lost its connection. A connection that can't be made is a failure.
//
// The first line of standard output says that the load has begun, the last one is the report, both in JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

// options are the command's flags.
type options struct {
	kubeconfig     string
	servers        string
	rate           int
	duration       time.Duration
	workers        int
	clients        int
	namespaces     int
	informers      int
	trackers       int
	requestTimeout time.Duration
	settle         time.Duration
	seed           int64
	untilEnd       bool
}

func parse() (options, error) {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "how the server is reached; loopback only")
	flag.StringVar(&o.servers, "servers", "", "URLs, by comma, of servers that are asked in the end, each by itself")
	flag.IntVar(&o.rate, "rate", 2000, "requests per second")
	flag.DurationVar(&o.duration, "duration", 30*time.Second, "how long requests are sent")
	flag.IntVar(&o.workers, "workers", 160, "at most so many requests are under way")
	flag.IntVar(&o.clients, "clients", 24, "clients with a connection of their own")
	flag.IntVar(&o.namespaces, "namespaces", 6, "namespaces over which the objects are spread")
	flag.IntVar(&o.informers, "informers", 24, "informers that follow one kind in one namespace")
	flag.IntVar(&o.trackers, "trackers", 6, "watches that must not miss any event")
	flag.DurationVar(&o.requestTimeout, "request-timeout", 30*time.Second, "how long one request may take")
	flag.DurationVar(&o.settle, "settle", time.Minute, "how long checks in the end may wait for servers and watches")
	flag.Int64Var(&o.seed, "seed", 1, "seed of what the workers do")
	flag.BoolVar(&o.untilEnd, "until-stdin-ends", false, "stop when standard input ends, too")
	flag.Parse()
	if flag.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	for name, value := range map[string]int{"rate": o.rate, "workers": o.workers, "clients": o.clients, "namespaces": o.namespaces} {
		if value < 1 || value > 100_000 {
			return o, fmt.Errorf("--%s must be between 1 and 100000", name)
		}
	}
	if o.duration <= 0 || o.duration > time.Hour {
		return o, fmt.Errorf("--duration must be positive and at most an hour")
	}
	if o.informers < 0 || o.informers > 1000 || o.trackers < 0 || o.trackers > 100 {
		return o, fmt.Errorf("at most 1000 informers and 100 trackers")
	}
	return o, nil
}

// onLoopback refuses to load anything but this machine.
func onLoopback(address string) error {
	parsed, err := url.Parse(address)
	if err != nil {
		return err
	}
	if host := parsed.Hostname(); host != "localhost" && host != "::1" && !strings.HasPrefix(host, "127.") {
		return fmt.Errorf("%s is not on loopback", address)
	}
	return nil
}

func main() {
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	options, err := parse()
	if err == nil {
		err = run(options)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	var counts clientCounts
	clients := make([]kubernetes.Interface, o.clients)
	for i := range clients {
		// As controllers most clients speak protobuf; some, as kubectl, speak JSON.
		client, err := newClient(o.kubeconfig, "", i%4 != 3, &counts)
		if err != nil {
			return err
		}
		clients[i] = client
	}
	counts.register()

	id := fmt.Sprintf("load-%x", time.Now().UnixMilli()&0xffff_ffff)
	setup, cancel := context.WithTimeout(context.Background(), o.settle)
	defer cancel()
	namespaces, err := prepare(setup, clients[0], id, o.namespaces)
	if err != nil {
		return fmt.Errorf("the server does not take the first objects: %w", err)
	}
	watching, endWatches := context.WithCancel(context.Background())
	defer endWatches()
	watches, err := startWatches(watching, setup, clients, namespaces, o)
	if err != nil {
		return fmt.Errorf("watches do not start: %w", err)
	}

	loading, stop := context.WithTimeout(context.Background(), o.duration)
	defer stop()
	if o.untilEnd {
		go func() {
			io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	started := time.Now()
	tell(map[string]any{"event": "started", "unix_ms": started.UnixMilli()})
	workers := work(loading, o, clients, namespaces, started)
	ended := time.Now()

	report := newReport(o, workers, started, ended)
	report.Run = id
	checking, cancel := context.WithTimeout(context.Background(), o.settle)
	defer cancel()
	checkStored(checking, o, clients[0], workers, namespaces, report)
	watches.check(checking, clients[0], workers, report)
	endWatches()
	counts.tell(report)
	tell(report)
	return nil
}

func tell(line any) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(append(text, '\n'))
}
