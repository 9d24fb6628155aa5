package main

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// mix says of how many in a hundred requests each verb is.
var mix = []struct {
	verb   string
	weight int
}{
	{"get", 60}, {"list", 15}, {"create", 8}, {"update", 5}, {"patch", 5}, {"delete", 7},
}

// pageSize is how much a list shows at a time.
const pageSize = 20

// maxBehind is how late a worker may be before it gives requests up instead of sending them in a burst.
const maxBehind = time.Second

// entry is what the ledger knows of an object.
type entry struct {
	kind      *kind
	namespace string
	name      string
	// The object as it was acknowledged last.
	object metav1.Object
	// Resource versions of acknowledged writes, by the order of writing.
	versions []uint64
	deleted  bool
	// A write failed: what it did is not known, and nothing more is done to the object.
	uncertain string
}

func (e *entry) String() string {
	return fmt.Sprintf("%s %s/%s", e.kind.name, e.namespace, e.name)
}

func version(object metav1.Object) uint64 {
	parsed, err := strconv.ParseUint(object.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return parsed
}

// sample is one request that was sent.
type sample struct {
	verb   string
	at     time.Time
	took   time.Duration
	failed bool
}

// worker sends one request after the other about objects that are its own.
type worker struct {
	id        int
	client    kubernetes.Interface
	number    int
	namespace string
	random    *rand.Rand
	timeout   time.Duration

	made       int
	live       map[string][]*entry // by kind, in the order of names
	entries    []*entry
	samples    []sample
	failures   []failure
	skipped    int
	violations []string
}

// work sends requests until the context ends, and waits for the answers.
func work(ctx context.Context, o options, clients []kubernetes.Interface, namespaces []string, start time.Time) []*worker {
	workers := make([]*worker, o.workers)
	every := time.Duration(float64(time.Second) * float64(o.workers) / float64(o.rate))
	var group sync.WaitGroup
	for i := range workers {
		w := &worker{
			id: i, number: i % len(clients), client: clients[i%len(clients)], namespace: namespaces[i%len(namespaces)],
			random: rand.New(rand.NewSource(o.seed + int64(i))), timeout: o.requestTimeout, live: map[string][]*entry{},
		}
		workers[i] = w
		first := start.Add(every * time.Duration(i) / time.Duration(o.workers))
		group.Go(func() { w.run(ctx, first, every) })
	}
	group.Wait()
	return workers
}

func (w *worker) run(ctx context.Context, due time.Time, every time.Duration) {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		w.step()
		due = due.Add(every)
		if late := time.Since(due); late > maxBehind {
			lost := int(late / every)
			w.skipped += lost
			due = due.Add(every * time.Duration(lost))
		}
		timer.Reset(time.Until(due))
	}
}

// step sends one request.
func (w *worker) step() {
	kind := &kinds[w.random.Intn(len(kinds))]
	live := w.live[kind.name]
	verb, roll := "", w.random.Intn(100)
	for _, choice := range mix {
		if roll -= choice.weight; roll < 0 {
			verb = choice.verb
			break
		}
	}
	if len(live) == 0 && verb != "list" {
		verb = "create"
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.timeout)
	defer cancel()
	began := time.Now()
	var err error
	switch verb {
	case "create":
		err = w.create(ctx, kind)
	case "list":
		err = w.list(ctx, kind)
	default:
		entry := live[w.random.Intn(len(live))]
		switch verb {
		case "get":
			err = w.get(ctx, entry)
		case "delete":
			err = w.remove(ctx, entry)
		default:
			err = w.change(ctx, entry, verb)
		}
	}
	took := time.Since(began)
	w.samples = append(w.samples, sample{verb: verb, at: began, took: took, failed: err != nil})
	if err != nil {
		w.failures = append(w.failures, failure{
			UnixMs: began.UnixMilli(), TookMs: took.Milliseconds(), Verb: verb, Resource: kind.name,
			Client: w.number, Error: err.Error(),
		})
	}
}

func (w *worker) violate(format string, values ...any) {
	if len(w.violations) < 100 {
		w.violations = append(w.violations, fmt.Sprintf(format, values...))
	}
}

func (w *worker) create(ctx context.Context, kind *kind) error {
	w.made++
	e := &entry{kind: kind, namespace: w.namespace, name: fmt.Sprintf("w%d-%06d", w.id, w.made)}
	w.entries = append(w.entries, e)
	made, err := kind.create(ctx, w.client, metav1.ObjectMeta{
		Name: e.name, Namespace: e.namespace,
		Labels:      map[string]string{loadLabel: "true", workerLabel: strconv.Itoa(w.id)},
		Annotations: map[string]string{valueAnnotation: "0"},
	})
	if err != nil {
		e.uncertain = "create"
		return err
	}
	e.acknowledge(made)
	// Names rise, so that the order stays.
	w.live[kind.name] = append(w.live[kind.name], e)
	return nil
}

func (e *entry) acknowledge(object metav1.Object) {
	e.object = object
	e.versions = append(e.versions, version(object))
}

func (w *worker) change(ctx context.Context, e *entry, verb string) error {
	value := strconv.Itoa(len(e.versions))
	var changed metav1.Object
	var err error
	if verb == "update" {
		changed, err = e.kind.update(ctx, w.client, e.object, value)
	} else {
		changed, err = e.kind.patch(ctx, w.client, e.namespace, e.name, value)
	}
	if err != nil {
		w.retire(e, verb)
		return err
	}
	before := e.versions[len(e.versions)-1]
	e.acknowledge(changed)
	if now := version(changed); now <= before {
		w.violate("%s: %s was answered with version %d after %d", e, verb, now, before)
	}
	if got := changed.GetAnnotations()[valueAnnotation]; got != value {
		w.violate("%s: %s of %s was answered with %q", e, verb, value, got)
	}
	return nil
}

func (w *worker) remove(ctx context.Context, e *entry) error {
	if err := e.kind.remove(ctx, w.client, e.namespace, e.name); err != nil {
		w.retire(e, "delete")
		return err
	}
	w.drop(e)
	e.deleted = true
	return nil
}

// retire leaves an object alone of which nobody knows what state it has.
func (w *worker) retire(e *entry, verb string) {
	w.drop(e)
	e.uncertain = verb
}

func (w *worker) drop(e *entry) {
	w.live[e.kind.name] = slices.DeleteFunc(w.live[e.kind.name], func(one *entry) bool { return one == e })
}

// get reads an object as it is now: it must be what was acknowledged last.
func (w *worker) get(ctx context.Context, e *entry) error {
	got, err := e.kind.get(ctx, w.client, e.namespace, e.name)
	if err != nil {
		return err
	}
	w.compare("get", e, got)
	return nil
}

func (w *worker) compare(how string, e *entry, got metav1.Object) {
	want := e.versions[len(e.versions)-1]
	if version(got) != want || got.GetAnnotations()[valueAnnotation] != e.object.GetAnnotations()[valueAnnotation] {
		w.violate("%s: %s shows version %d, acknowledged was %d", e, how, version(got), want)
	}
}

// list reads a page of the worker's objects: as of now, or, one time in three, from any cache.
func (w *worker) list(ctx context.Context, kind *kind) error {
	options := metav1.ListOptions{LabelSelector: workerLabel + "=" + strconv.Itoa(w.id), Limit: pageSize}
	cached := w.random.Intn(3) == 0
	if cached {
		options.ResourceVersion, options.Limit = "0", 0
	}
	page, err := kind.list(ctx, w.client, w.namespace, options)
	if err != nil || cached {
		return err
	}
	live := w.live[kind.name]
	byName := map[string]*entry{}
	for _, e := range live {
		byName[e.name] = e
	}
	last := ""
	for _, item := range page.items {
		last = item.GetName()
		if e, found := byName[last]; found {
			w.compare("list", e, item)
			delete(byName, last)
		} else if !w.isUncertain(kind, last) {
			w.violate("%s %s/%s: list shows it after it was deleted", kind.name, w.namespace, last)
		}
	}
	for name, e := range byName {
		if page.more == "" || name < last {
			w.violate("%s: list does not show it", e)
		}
	}
	return nil
}

func (w *worker) isUncertain(kind *kind, name string) bool {
	return slices.ContainsFunc(w.entries, func(e *entry) bool {
		return e.kind == kind && e.name == name && e.uncertain != ""
	})
}
