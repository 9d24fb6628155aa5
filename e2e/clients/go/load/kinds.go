package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
)

const (
	// loadLabel tells objects of this command from those of controllers.
	loadLabel = "keelson-load"
	// workerLabel says whose object it is.
	workerLabel = "keelson-worker"
	// valueAnnotation is what updates change.
	valueAnnotation = "keelson-load/value"
)

// api is what typed clients of one kind in one namespace have in common.
type api[T metav1.Object, L runtime.Object] interface {
	Create(context.Context, T, metav1.CreateOptions) (T, error)
	Update(context.Context, T, metav1.UpdateOptions) (T, error)
	Get(context.Context, string, metav1.GetOptions) (T, error)
	List(context.Context, metav1.ListOptions) (L, error)
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
	Patch(context.Context, string, types.PatchType, []byte, metav1.PatchOptions, ...string) (T, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
}

// kind is a resource that workers write, without its type.
type kind struct {
	name   string
	create func(context.Context, kubernetes.Interface, metav1.ObjectMeta) (metav1.Object, error)
	update func(context.Context, kubernetes.Interface, metav1.Object, string) (metav1.Object, error)
	patch  func(context.Context, kubernetes.Interface, string, string, string) (metav1.Object, error)
	get    func(context.Context, kubernetes.Interface, string, string) (metav1.Object, error)
	remove func(context.Context, kubernetes.Interface, string, string) error
	list   func(context.Context, kubernetes.Interface, string, metav1.ListOptions) (list, error)
	lists  func(kubernetes.Interface, string) lister
	sample runtime.Object
}

// list is what a list holds.
type list struct {
	version string
	more    string
	items   []metav1.Object
}

// lister lists and watches a kind in a namespace, or in all of them.
type lister struct {
	list  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
}

func valuePatch(value string) []byte {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{valueAnnotation: value}}})
	if err != nil {
		panic(err)
	}
	return patch
}

func kindOf[T interface {
	metav1.Object
	runtime.Object
}, L interface {
	runtime.Object
	metav1.ListInterface
}](
	name string,
	client func(kubernetes.Interface, string) api[T, L],
	fresh func(metav1.ObjectMeta) T,
	touch func(T) T,
	items func(L) []metav1.Object,
	sample runtime.Object,
) kind {
	return kind{
		name:   name,
		sample: sample,
		create: func(ctx context.Context, c kubernetes.Interface, meta metav1.ObjectMeta) (metav1.Object, error) {
			return client(c, meta.Namespace).Create(ctx, fresh(meta), metav1.CreateOptions{})
		},
		update: func(ctx context.Context, c kubernetes.Interface, old metav1.Object, value string) (metav1.Object, error) {
			object := touch(old.(T))
			object.GetAnnotations()[valueAnnotation] = value
			return client(c, object.GetNamespace()).Update(ctx, object, metav1.UpdateOptions{})
		},
		patch: func(ctx context.Context, c kubernetes.Interface, namespace, name, value string) (metav1.Object, error) {
			return client(c, namespace).Patch(ctx, name, types.MergePatchType, valuePatch(value), metav1.PatchOptions{})
		},
		get: func(ctx context.Context, c kubernetes.Interface, namespace, name string) (metav1.Object, error) {
			return client(c, namespace).Get(ctx, name, metav1.GetOptions{})
		},
		remove: func(ctx context.Context, c kubernetes.Interface, namespace, name string) error {
			return client(c, namespace).Delete(ctx, name, metav1.DeleteOptions{})
		},
		list: func(ctx context.Context, c kubernetes.Interface, namespace string, options metav1.ListOptions) (list, error) {
			found, err := client(c, namespace).List(ctx, options)
			if err != nil {
				return list{}, err
			}
			return list{version: found.GetResourceVersion(), more: found.GetContinue(), items: items(found)}, nil
		},
		lists: func(c kubernetes.Interface, namespace string) lister {
			objects := client(c, namespace)
			return lister{
				list: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
					return objects.List(ctx, options)
				},
				watch: objects.Watch,
			}
		},
	}
}

// kinds are what the load writes: config maps, the leases of nodes and leaders, and pods that no scheduler takes.
var kinds = []kind{
	kindOf("configmaps",
		func(c kubernetes.Interface, namespace string) api[*corev1.ConfigMap, *corev1.ConfigMapList] {
			return c.CoreV1().ConfigMaps(namespace)
		},
		func(meta metav1.ObjectMeta) *corev1.ConfigMap {
			return &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"payload": strings.Repeat("keelson ", 40)}}
		},
		func(old *corev1.ConfigMap) *corev1.ConfigMap { return old.DeepCopy() },
		func(l *corev1.ConfigMapList) []metav1.Object { return objects(l.Items) },
		&corev1.ConfigMap{}),
	kindOf("leases",
		func(c kubernetes.Interface, namespace string) api[*coordinationv1.Lease, *coordinationv1.LeaseList] {
			return c.CoordinationV1().Leases(namespace)
		},
		func(meta metav1.ObjectMeta) *coordinationv1.Lease {
			holder, seconds := meta.Name, int32(40)
			return &coordinationv1.Lease{ObjectMeta: meta, Spec: coordinationv1.LeaseSpec{
				HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &metav1.MicroTime{Time: time.Now()},
			}}
		},
		func(old *coordinationv1.Lease) *coordinationv1.Lease {
			lease := old.DeepCopy()
			lease.Spec.RenewTime = &metav1.MicroTime{Time: time.Now()}
			return lease
		},
		func(l *coordinationv1.LeaseList) []metav1.Object { return objects(l.Items) },
		&coordinationv1.Lease{}),
	kindOf("pods",
		func(c kubernetes.Interface, namespace string) api[*corev1.Pod, *corev1.PodList] {
			return c.CoreV1().Pods(namespace)
		},
		func(meta metav1.ObjectMeta) *corev1.Pod {
			mounts := false
			return &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{
				SchedulerName:                "nobody",
				AutomountServiceAccountToken: &mounts,
				Containers:                   []corev1.Container{{Name: "main", Image: "registry.example/main:1"}},
			}}
		},
		func(old *corev1.Pod) *corev1.Pod { return old.DeepCopy() },
		func(l *corev1.PodList) []metav1.Object { return objects(l.Items) },
		&corev1.Pod{}),
}

func objects[T any, P interface {
	*T
	metav1.Object
}](items []T) []metav1.Object {
	found := make([]metav1.Object, len(items))
	for i := range items {
		found[i] = P(&items[i])
	}
	return found
}
