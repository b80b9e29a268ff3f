{{/*
What the schema cannot say: values that contradict each other. All of them at once, each as a sentence that names the
keys, before anything is rendered.
*/}}
{{- define "voicefleet.validate" -}}
{{- $wrong := list -}}
{{- $v := .Values -}}
{{- $kind := $v.scaling.kind -}}
{{- $kube := .Capabilities.KubeVersion.Version -}}

{{- if not (regexMatch "^[a-z]" (include "voicefleet.fullname" .)) -}}
{{- $wrong = append $wrong (printf "The names would begin with a digit (%s), which Services may not: set fullnameOverride." (include "voicefleet.fullname" .)) -}}
{{- end -}}
{{- if not $v.broker.existingSecret -}}
{{- $wrong = append $wrong "broker.existingSecret is empty: name the Secret that has the URL of RabbitMQ." -}}
{{- end -}}
{{- if not $v.redis.existingSecret -}}
{{- $wrong = append $wrong "redis.existingSecret is empty: name the Secret that has the URL of Redis." -}}
{{- end -}}
{{- if not $v.objects.url -}}
{{- range $key := list "existingSecret" "endpoint" "region" -}}
{{- if get $v.objects $key -}}
{{- $wrong = append $wrong (printf "objects.%s is set and objects.url is not, so there is no object store: set objects.url." $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if le (int $v.settings.cacheMib) (int $v.settings.maxUploadMib) -}}
{{- $wrong = append $wrong (printf "settings.cacheMib (%d) must be more than settings.maxUploadMib (%d), or the largest upload never fits." (int $v.settings.cacheMib) (int $v.settings.maxUploadMib)) -}}
{{- end -}}
{{- if lt (int $v.settings.jobTimeoutSeconds) (int $v.settings.chunkTimeoutSeconds) -}}
{{- $wrong = append $wrong "settings.jobTimeoutSeconds is shorter than settings.chunkTimeoutSeconds: a job has at least one chunk." -}}
{{- end -}}
{{- if ge (add $v.tiers.standardShare $v.tiers.batchShare) 100 -}}
{{- $wrong = append $wrong "tiers.standardShare and tiers.batchShare add up to 100 or more: nothing is left for realtime." -}}
{{- end -}}

{{- range $who, $models := dict "models" dict "api.models" $v.api.models -}}
{{- $wrong = concat $wrong (include "voicefleet.wrongModels" (dict "who" $who "models" (mergeOverwrite (deepCopy $v.models) $models) "kube" $kube) | fromJsonArray) -}}
{{- end -}}
{{- if and $v.api.hpa.enabled (gt (int $v.api.hpa.minReplicas) (int $v.api.hpa.maxReplicas)) -}}
{{- $wrong = append $wrong (printf "api.hpa.minReplicas (%d) is more than api.hpa.maxReplicas (%d)." (int $v.api.hpa.minReplicas) (int $v.api.hpa.maxReplicas)) -}}
{{- end -}}
{{- if and $v.api.hpa.enabled (not (dig "requests" "cpu" "" $v.api.resources)) -}}
{{- $wrong = append $wrong "api.hpa measures CPU against what is requested: set api.resources.requests.cpu." -}}
{{- end -}}

{{- if and (eq $kind "external-push") (not $v.scaler.enabled) -}}
{{- $wrong = append $wrong "scaling.kind is external-push and scaler.enabled is false: KEDA would have nobody to ask. Turn the scaler on, or take another scaling.kind." -}}
{{- end -}}
{{- if and (eq $kind "rabbitmq") (not $v.scaling.rabbitmq.existingSecret) -}}
{{- $wrong = append $wrong "scaling.kind is rabbitmq and scaling.rabbitmq.existingSecret is empty: name the Secret that has the URL of the management API." -}}
{{- end -}}
{{- if and (ne $kind "rabbitmq") $v.scaling.rabbitmq.existingSecret -}}
{{- $wrong = append $wrong (printf "scaling.rabbitmq.existingSecret is set and scaling.kind is %s: only one of them can scale the workers." $kind) -}}
{{- end -}}
{{- with $v.scaler.tls -}}
{{- if and .enabled (not .existingSecret) -}}
{{- $wrong = append $wrong "scaler.tls.enabled is true and scaler.tls.existingSecret is empty: name the Secret with tls.crt, tls.key and ca.crt." -}}
{{- end -}}
{{- if and (not .enabled) (or .existingSecret .clientSecret) -}}
{{- $wrong = append $wrong "scaler.tls has a Secret and scaler.tls.enabled is false: TLS is half configured. Turn it on or take the Secret away." -}}
{{- end -}}
{{- if and .enabled (not $v.scaler.enabled) -}}
{{- $wrong = append $wrong "scaler.tls.enabled is true and scaler.enabled is false: there is nobody to serve TLS." -}}
{{- end -}}
{{- end -}}
{{- range $component := list "api" "scaler" -}}
{{- $block := get $v $component -}}
{{- $count := int $block.replicas -}}
{{- if and (eq $component "api") $v.api.hpa.enabled }}{{ $count = int $v.api.hpa.minReplicas }}{{ end -}}
{{- if and $block.podDisruptionBudget.enabled (regexMatch "^[0-9]+$" (toString $block.podDisruptionBudget.maxUnavailable)) (gt (int $block.podDisruptionBudget.maxUnavailable) $count) -}}
{{- $wrong = append $wrong (printf "%s.podDisruptionBudget.maxUnavailable is more than the %d there are: it guards nothing." $component $count) -}}
{{- end -}}
{{- end -}}

{{- $pools := include "voicefleet.pools" . | fromJson -}}
{{- $shares := 0 -}}
{{- $hardware := dict -}}
{{- range $name, $p := $pools -}}
{{- $at := printf "pools.%s" $name -}}
{{- $shares = add $shares (int $p.share) -}}
{{- $_ := set $hardware $p.hardware (max (get $hardware $p.hardware | default 0 | int) (int $p.slots)) -}}
{{- $min := int $p.minReplicas -}}
{{- $max := int $p.maxReplicas -}}
{{- if gt $min $max -}}
{{- $wrong = append $wrong (printf "%s.minReplicas (%d) is more than its maxReplicas (%d)." $at $min $max) -}}
{{- end -}}
{{- if and (not (kindIs "invalid" $p.idleReplicas)) (ge (int $p.idleReplicas) $min) -}}
{{- $wrong = append $wrong (printf "%s.idleReplicas (%d) must be less than its minReplicas (%d): idle is below the least." $at (int $p.idleReplicas) $min) -}}
{{- end -}}
{{- if and (not (kindIs "invalid" $p.pausedReplicas)) (gt (int $p.pausedReplicas) $max) -}}
{{- $wrong = append $wrong (printf "%s.pausedReplicas (%d) is more than its maxReplicas (%d)." $at (int $p.pausedReplicas) $max) -}}
{{- end -}}
{{- if not (has $kind (list "external-push" "rabbitmq")) -}}
{{- range $key := list "idleReplicas" "pausedReplicas" -}}
{{- if not (kindIs "invalid" (index $p $key)) -}}
{{- $wrong = append $wrong (printf "%s.%s is KEDA's and scaling.kind is %s." $at $key $kind) -}}
{{- end -}}
{{- end -}}
{{- if $p.extraTriggers -}}
{{- $wrong = append $wrong (printf "%s.extraTriggers are KEDA's and scaling.kind is %s." $at $kind) -}}
{{- end -}}
{{- end -}}
{{- if eq $kind "hpa" -}}
{{- if eq $min 0 -}}
{{- $wrong = append $wrong (printf "%s.minReplicas is 0 and scaling.kind is hpa, which cannot scale to zero: set it to 1 or more, or use KEDA." $at) -}}
{{- end -}}
{{- if eq $p.hardware "gpu" -}}
{{- $wrong = append $wrong (printf "%s.hardware is gpu and scaling.kind is hpa, which measures CPU and would not see that the GPU is busy: use KEDA." $at) -}}
{{- end -}}
{{- if not (dig "requests" "cpu" "" $p.resources) -}}
{{- $wrong = append $wrong (printf "%s.resources.requests.cpu is missing, which scaling.kind hpa measures against." $at) -}}
{{- end -}}
{{- end -}}
{{- if and (has $kind (list "external-push" "rabbitmq")) $v.scaling.fallback.enabled (gt (int $v.scaling.fallback.replicas) $max) -}}
{{- $wrong = append $wrong (printf "scaling.fallback.replicas (%d) is more than %s.maxReplicas (%d)." (int $v.scaling.fallback.replicas) $at $max) -}}
{{- end -}}
{{- if and (eq $name "piper") (eq $p.hardware "gpu") -}}
{{- $wrong = append $wrong (printf "%s.hardware is gpu, and Piper computes on the CPU only: leave it at cpu." $at) -}}
{{- end -}}
{{- if and $p.spot.enabled (gt (int $p.graceSeconds) (int $p.spot.noticeSeconds)) -}}
{{- $wrong = append $wrong (printf "%s.graceSeconds (%d) is longer than its spot.noticeSeconds (%d): the node would be gone before the worker has given its work back." $at (int $p.graceSeconds) (int $p.spot.noticeSeconds)) -}}
{{- end -}}
{{- if and (not $p.spot.enabled) (or $p.spot.tolerations $p.spot.nodeLabel) -}}
{{- $wrong = append $wrong (printf "%s.spot has tolerations or a nodeLabel and spot.enabled is false: turn it on or take them away." $at) -}}
{{- end -}}
{{- if and $p.spot.nodeLabel (not $p.spot.nodeLabelValue) -}}
{{- $wrong = append $wrong (printf "%s.spot.nodeLabel is set and its nodeLabelValue is not." $at) -}}
{{- end -}}
{{- $demands := list -}}
{{- range $key, $value := $p.gpu }}{{ if not (kindIs "invalid" $value) }}{{ $demands = append $demands $key }}{{ end }}{{ end -}}
{{- if and (eq $p.hardware "cpu") $demands -}}
{{- $wrong = append $wrong (printf "%s.gpu.%s is set and %s.hardware is cpu: a worker that computes on the CPU must not hold a GPU." $at (first $demands) $at) -}}
{{- end -}}
{{- if and (eq (toString $p.gpu.resource) "nvidia.com/gpu.shared") (gt (int ($p.gpu.count | default 1)) 1) -}}
{{- $wrong = append $wrong (printf "%s.gpu.count is more than 1 of nvidia.com/gpu.shared: two parts of a shared GPU are no more than one." $at) -}}
{{- end -}}
{{- if and $p.affinity (or (and $p.spot.enabled $p.spot.nodeLabel) (and (eq $p.hardware "gpu") $p.gpu.products)) -}}
{{- $wrong = append $wrong (printf "%s.affinity replaces what spot.nodeLabel and gpu.products would write: say all of it there, or none." $at) -}}
{{- end -}}
{{- if and $p.podDeletionCost (not $v.serviceAccount.create) (not $v.serviceAccount.workerName) -}}
{{- $wrong = append $wrong (printf "%s.podDeletionCost is on, serviceAccount.create is off and serviceAccount.workerName is empty: the namespace's default account would get the right to patch pods." $at) -}}
{{- end -}}
{{- $wrong = concat $wrong (include "voicefleet.wrongModels" (dict "who" (printf "%s.models" $at) "models" $p.models "kube" $kube) | fromJsonArray) -}}
{{- end -}}

{{- $blocks := dict "api" $v.api "scaler" $v.scaler -}}
{{- range $name, $p := $pools }}{{ $_ := set $blocks (printf "pools.%s" $name) $p }}{{ end -}}
{{- range $who, $block := merge (dict "commonLabels" (dict "podLabels" $v.commonLabels)) $blocks -}}
{{- range $key, $_ := $block.podLabels -}}
{{- if regexMatch "^(app\\.kubernetes\\.io|helm\\.sh|voicefleet)/" $key -}}
{{- $wrong = append $wrong (printf "%s has the label %s, which the chart writes itself and selects by." (ternary $who (printf "%s.podLabels" $who) (eq $who "commonLabels")) $key) -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := $block.extraEnv -}}
{{- $secret := regexMatch "PASSWORD|SECRET|TOKEN|CREDENTIALS|API_KEY|ACCESS_KEY" $key -}}
{{- $url := or (has $key (list "VOICEFLEET_AMQP_URL" "VOICEFLEET_REDIS_URL" "VOICEFLEET_CACHE_URL")) (regexMatch "://[^/@]*:[^/@]*@" (toString $value)) -}}
{{- if regexMatch "^(VOICEFLEET_([A-Z]+_SLOTS|[A-Z]+_DEVICE|.*_FILE|GRACE_SECONDS|MODELS|LISTEN|SCALER_.*|POD_DELETION_COST)|POD_NAME|POD_NAMESPACE)$" $key -}}
{{- $wrong = append $wrong (printf "%s.extraEnv.%s is what the chart writes itself, from other values." $who $key) -}}
{{- else if or $secret $url -}}
{{- $wrong = append $wrong (printf "%s.extraEnv.%s looks like a secret, and those never stand in the environment: name a Secret in broker, redis, cache or objects." $who $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if not $pools -}}
{{- $wrong = append $wrong "No pool is enabled: nobody would do any work. Set pools.NAME.enabled of at least one." -}}
{{- else if ne (int $shares) 100 -}}
{{- $wrong = append $wrong (printf "pools.NAME.share of the enabled pools (%s) add up to %d and must be 100." (keys $pools | sortAlpha | join ", ") (int $shares)) -}}
{{- end -}}
{{- range $kind, $key := dict "cpu" "cpuSlots" "gpu" "gpuSlots" -}}
{{- $budget := index $v.scaling.budget $key -}}
{{- if not (kindIs "invalid" $budget) -}}
{{- if not (hasKey $hardware $kind) -}}
{{- $wrong = append $wrong (printf "scaling.budget.%s is set and no enabled pool has hardware %s." $key $kind) -}}
{{- else if lt (int $budget) (int (get $hardware $kind)) -}}
{{- $wrong = append $wrong (printf "scaling.budget.%s (%d) is less than the slots of one worker (%d): that pool could never run." $key (int $budget) (int (get $hardware $kind))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $v.metrics.rules.enabled (not $v.metrics.podMonitor.enabled) -}}
{{- $wrong = append $wrong "metrics.rules.enabled is true and metrics.podMonitor.enabled is false: the rules select by the labels that the PodMonitor writes." -}}
{{- end -}}
{{- if $wrong -}}
{{- fail (printf "\n\nThese values cannot be:\n  - %s\n" (join "\n  - " ($wrong | uniq))) -}}
{{- end -}}
{{- end }}

{{/* Sentences about one choice of models, as a JSON list: {who, models, kube}. */}}
{{- define "voicefleet.wrongModels" -}}
{{- $wrong := list -}}
{{- $m := .models -}}
{{- if and (eq $m.source "image") (not $m.image.reference) -}}
{{- $wrong = append $wrong (printf "%s.source is image and models.image.reference is empty: name the OCI image that has the models." .who) -}}
{{- end -}}
{{- if and (eq $m.source "image") (semverCompare "<1.31-0" .kube) -}}
{{- $wrong = append $wrong (printf "%s.source is image, which needs Kubernetes 1.31 (on by default since 1.35), and this is %s: use pvc or init." .who .kube) -}}
{{- end -}}
{{- if and (eq $m.source "image") $m.image.subPath (semverCompare "<1.33-0" .kube) -}}
{{- $wrong = append $wrong (printf "%s.image.subPath needs Kubernetes 1.33, and this is %s." .who .kube) -}}
{{- end -}}
{{- if and (eq $m.source "pvc") (not $m.pvc.claimName) -}}
{{- $wrong = append $wrong (printf "%s.source is pvc and models.pvc.claimName is empty: name the claim that has the models." .who) -}}
{{- end -}}
{{- if and (ne $m.source "image") $m.image.reference -}}
{{- $wrong = append $wrong (printf "%s.source is %s and models.image.reference is set: it would not be used." .who $m.source) -}}
{{- end -}}
{{- if and (ne $m.source "image") $m.image.copyLibraries -}}
{{- $wrong = append $wrong (printf "%s.source is %s and models.image.copyLibraries is true: there is no image to copy from." .who $m.source) -}}
{{- end -}}
{{- if and (ne $m.source "pvc") $m.pvc.claimName -}}
{{- $wrong = append $wrong (printf "%s.source is %s and models.pvc.claimName is set: it would not be used." .who $m.source) -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end }}
