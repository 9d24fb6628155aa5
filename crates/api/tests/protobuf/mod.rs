mod from_json;
mod generated;
mod pod;
mod reference;
mod speed;
