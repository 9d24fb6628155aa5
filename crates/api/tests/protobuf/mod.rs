mod generated;
mod pod;
mod reference;
mod speed;
