package metrics

// worldFamilies is how things stand. Every worker of an installation tells the
// same of the fleet, the accounts, the queues and the mail; of disk and
// configuration each tells its own.
var worldFamilies = []Family{
	{"neverlapse_certificate_not_after_timestamp_seconds", "gauge", "When the certificate expires, or has expired.", []string{"certificate"}},
	{"neverlapse_certificate_not_before_timestamp_seconds", "gauge", "When the validity of the certificate began.", []string{"certificate"}},
	{"neverlapse_certificate_next_step_timestamp_seconds", "gauge", "When its workflow does something next by itself.", []string{"certificate"}},
	{"neverlapse_certificate_info", "gauge", "Whose the certificate is and where it comes from: always 1.", []string{"certificate", "mode", "owner", "team", "environment", "issuer", "key_algorithm"}},
	{"neverlapse_certificate_state", "gauge", "The state of the certificate and the severity of its worst open alert (none: there is none): 1 for the one that it is in.", []string{"certificate", "state", "severity"}},
	{"neverlapse_certificates", "gauge", "Certificates that are guarded, by state and severity.", []string{"state", "severity"}},
	{"neverlapse_certificates_omitted", "gauge", "Certificates that are not told one by one, because there are more than metrics.certificates; those that expire last are left out.", nil},
	{"neverlapse_ca_budget_left", "gauge", "Orders that the CA allows now, by what it limits; of several accounts or domains, where the least is left.", []string{"ca", "limit"}},
	{"neverlapse_ca_waiting_renewals", "gauge", "Renewals that wait for room in the budget of the CA.", []string{"ca"}},
	{"neverlapse_ca_outage", "gauge", "1 while the CA does not answer.", []string{"ca"}},
	{"neverlapse_ca_blocked_until_timestamp_seconds", "gauge", "The last date of the CA before which something must not be ordered; 0: there is none.", []string{"ca"}},
	{"neverlapse_task_queue_backlog", "gauge", "Tasks that wait for a worker, about.", []string{"queue", "type"}},
	{"neverlapse_task_queue_backlog_age_seconds", "gauge", "How long the oldest task has waited for a worker.", []string{"queue", "type"}},
	{"neverlapse_task_queue_pollers", "gauge", "Workers that have asked for tasks of late.", []string{"queue", "type"}},
	{"neverlapse_dead_letters", "gauge", "Messages that did not arrive and that nobody has seen yet.", nil},
	{"neverlapse_broken_addresses", "gauge", "Addresses of people that lead nowhere.", nil},
	{"neverlapse_channel_failing", "gauge", "1 while the latest message by the channel did not go out.", []string{"channel"}},
	{"neverlapse_folder_bytes", "gauge", "What the files of the folder hold: the store, or the database of the embedded engine.", []string{"folder"}},
	{"neverlapse_disk_free_bytes", "gauge", "What is left on the file system of the folder.", []string{"folder"}},
	{"neverlapse_disk_size_bytes", "gauge", "What the file system of the folder holds in all.", []string{"folder"}},
	{"neverlapse_scan_completed_timestamp_seconds", "gauge", "When a look at the source of the inventory was last complete; 0: never.", []string{"inventory"}},
	{"neverlapse_scan_interval_seconds", "gauge", "From one look at the source to the next, as configured.", []string{"inventory"}},
	{"neverlapse_scan_places", "gauge", "Places with certificates that are known from the source.", []string{"inventory"}},
	{"neverlapse_scan_places_troubled", "gauge", "Places of the source of which the latest look learnt nothing.", []string{"inventory"}},
	{"neverlapse_config_refused", "gauge", "1 while the file of the configuration is refused, and the one before stays in force.", nil},
	{"neverlapse_config_taken_timestamp_seconds", "gauge", "When the configuration in force was taken.", nil},
	{"neverlapse_config_restart_sections", "gauge", "Changed sections of the configuration that count from the next start of the worker.", nil},
	{"neverlapse_source_up", "gauge", "1 while what the worker asks for these metrics answers; what it said last is told until it does again.", []string{"source"}},
	{"neverlapse_source_answered_timestamp_seconds", "gauge", "When the source answered last.", []string{"source"}},
}
